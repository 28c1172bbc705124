// The command as a function, for whoever wants to run it in a process of their own.

export { cli } from "./cli.ts";
export type { Io, Output } from "./io.ts";
