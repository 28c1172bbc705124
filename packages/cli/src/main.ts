#!/usr/bin/env node
// The program: hands the process to the command, and the command's status to the process.

import { cli } from "./cli.ts";

// A reader that has seen enough (`rondo news | head`) closes the pipe. That is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

// Set and not exited with: what was written to a pipe has to get there first.
process.exitCode = await cli(process.argv.slice(2), process);
