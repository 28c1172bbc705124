#!/usr/bin/env node
// The program: hands the process to the command, and the command's status to the process.

import { setFlagsFromString } from "node:v8";
import { cli } from "./cli.ts";

// V8 lets the space for young objects grow to twice 32 MB as soon as something in it survives, and of that a download
// has plenty while it waits. What a page leaves behind is dead long before: kept small, that space costs no time (the
// demonstration is as quick) and a run over thousands of sources takes half the memory (bench/src/news-memory.ts).
setFlagsFromString("--semi-space-growth-factor=1");

// A reader that has seen enough (`rondo news | head`) closes the pipe. That is no error of ours, and the command ends as
// it would for Ctrl-C: what it has begun to write down is written.
const gone = new AbortController();
for (const output of [process.stdout, process.stderr]) {
  output.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    gone.abort();
  });
}

const { stdout, stderr, env } = process;
const status = await cli(process.argv.slice(2), { stdout, stderr, env, gone: gone.signal });
// Set and not exited with: what was written to a pipe has to get there first.
process.exitCode = gone.signal.aborted ? 0 : status;
