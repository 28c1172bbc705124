#!/usr/bin/env node
// The program: hands the process to the command, and the command's status to the process.

import { setFlagsFromString } from "node:v8";
import { cli } from "./cli.ts";

// V8 lets the space for young objects grow to twice 32 MB as soon as something in it survives, and of that a download
// has plenty while it waits. What a page leaves behind is dead long before: kept small, that space costs no time (the
// demonstration is as quick) and a run over thousands of sources takes half the memory (bench/src/news-memory.ts).
setFlagsFromString("--semi-space-growth-factor=1");

// A reader that has seen enough (`rondo news | head`) closes the pipe. That is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

// Set and not exited with: what was written to a pipe has to get there first.
process.exitCode = await cli(process.argv.slice(2), process);
