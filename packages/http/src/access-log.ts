/**
 * The access log: one line for each request, as data, in the shape in which pino's users have it (`req`, `res`,
 * `responseTime`), so that what reads their logs reads these.
 *
 * The logger is anybody who has `info` and `error`: pino itself, `console`, or {@link jsonLog}, which writes pino's lines
 * without pino. Whoever logs nothing pays nothing.
 */

/** What a server logs to: pino, or anything of its shape. What it throws is dropped: a log must not end a server. */
export interface Logger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What is logged of a request. */
export interface AccessEntry {
  readonly req: {
    readonly method: string;
    readonly url: string;
    readonly remoteAddress: string | undefined;
    readonly remotePort: number | undefined;
  };
  /** Without it no answer was sent. */
  readonly res: { readonly statusCode: number; readonly bytes: number } | undefined;
  /** From the request's head to the end of its answer, in ms. */
  readonly responseTime: number;
  /** Why the answer is not whole, where it is not: `client left`, `handler timeout`, … */
  readonly aborted?: string | undefined;
}

/**
 * A logger that writes lines as pino does: `{"level":30,"time":…,"msg":"request completed","req":{…},…}`.
 *
 * @example
 * ```ts
 * import { jsonLog } from "@rondo/http";
 *
 * const log = jsonLog((line) => console.log(line.trimEnd()), () => 0);
 * log.info({ answer: 42 }, "found"); // prints: {"level":30,"time":0,"answer":42,"msg":"found"}
 * ```
 */
export function jsonLog(write: (line: string) => void, clock: () => number = Date.now): Logger {
  const line = (level: number, fields: object, msg: string): void =>
    write(`${JSON.stringify({ level, time: clock(), ...fields, msg }, plain)}\n`);
  return {
    info: (fields, message) => line(30, fields, message),
    error: (fields, message) => line(50, fields, message),
  };
}

/** Errors have nothing that JSON would show. */
function plain(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return { type: value.name, message: value.message, stack: value.stack };
}
