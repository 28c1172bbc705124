// What a command may touch of the process: given to it, so that a test can look at everything it says.

/** Where text goes: standard output or standard error. */
export interface Output {
  /** `false` where what was written has to get away before more is: then `drain` comes, if `once` is there to hear it. */
  write(text: string): unknown;
  once?(event: "drain" | "close", heard: () => void): unknown;
  off?(event: "drain" | "close", heard: () => void): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** The variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The world of a command. */
export interface Io {
  /** Results. */
  readonly stdout: Output;
  /** Progress and errors. */
  readonly stderr: Output;
  readonly env: Environment;
  /** Aborted when nobody reads standard output any more (`rondo news | head`): there is no use in going on. */
  readonly gone?: AbortSignal | undefined;
}

/** Whether to colour what goes to an output: NO_COLOR (no-color.org) stands above FORCE_COLOR, and that above the rest. */
export function wantsColour(output: Output, env: Environment): boolean {
  if (isSet(env["NO_COLOR"])) return false;
  if (isSet(env["FORCE_COLOR"])) return env["FORCE_COLOR"] !== "0" && env["FORCE_COLOR"] !== "false";
  return canRewrite(output, env);
}

/** Whether a line that was written can be written again, as on a terminal that is none of the simplest. */
export function canRewrite(output: Output, env: Environment): boolean {
  return output.isTTY === true && env["TERM"] !== "dumb";
}

/**
 * Whether blocks, dots and marks can be shown: not where the locale says another charset than UTF-8, nor on the console
 * of Linux, whose font has few of them. A locale that says nothing is taken for UTF-8, which it nearly always is.
 */
export function wantsUnicode(env: Environment): boolean {
  if (env["TERM"] === "linux") return false;
  // POSIX: the first of these that is set and not empty decides.
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find(isSet);
  return locale === undefined || /utf-?8/i.test(locale);
}

/** Narrower than this nothing is drawn for, and wider lines are hard to follow. */
const NARROWEST = 20;
const WIDEST = 200;

/** Columns to draw in: the terminal's, or those COLUMNS says, or 100. */
export function columnsOf(output: Output, env: Environment = {}): number {
  const said = Number(env["COLUMNS"] ?? "");
  const wanted = Number.isInteger(said) && said > 0 ? said : 100;
  const columns = output.isTTY === true ? (output.columns ?? 80) : wanted;
  return Math.min(WIDEST, Math.max(NARROWEST, columns));
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}
