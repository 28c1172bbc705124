// A command's coroutine and what may end it early: Ctrl-C, and nobody who reads any more.

import { CancelledError, type Host, type Operation, run } from "rondo";
import type { Io } from "../io.ts";

/** How a command is run. */
export interface Running {
  readonly name: string;
  readonly io: Io;
  readonly host?: Host | undefined;
  /** `false`: the coroutine hears signals itself. */
  readonly signals?: false;
}

/** Runs it to its end. `undefined` if it was ended early: then its cleanup has run. */
export async function running<T>(
  main: () => Operation<T>,
  { name, io, host, signals }: Running,
): Promise<{ readonly value: T } | undefined> {
  const { gone } = io;
  try {
    return { value: await run(main, { name, host, signal: gone, signals }) };
  } catch (error) {
    if (error instanceof CancelledError || (gone?.aborted === true && error === gone.reason)) return undefined;
    throw error;
  }
}
