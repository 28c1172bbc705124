// What a command may touch of the process: given to it, so that a test can look at everything it says.

/** Where text goes: standard output or standard error. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** The world of a command. */
export interface Io {
  /** Results. */
  readonly stdout: Output;
  /** Progress and errors. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Whether to colour what goes to an output. */
export function wantsColour(output: Output, env: Io["env"]): boolean {
  if ((env["NO_COLOR"] ?? "") !== "") return false;
  if ((env["FORCE_COLOR"] ?? "") !== "" && env["FORCE_COLOR"] !== "0") return true;
  return output.isTTY === true && env["TERM"] !== "dumb";
}

/** Columns to draw in: the terminal's, or 100 where there is none. */
export function columnsOf(output: Output): number {
  return Math.max(60, output.isTTY === true ? (output.columns ?? 80) : 100);
}
