// The peers in Python: which of them this machine has, and a process of each that does work on request.
//
// A peer lives as long as the workload is measured, so that its rounds lie between those of the others and it is as
// warm as they are.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../python/bench.py", import.meta.url));

/** What bench.py calls a library, and what the table calls it. */
export const pythonPeers: Readonly<Record<string, string>> = {
  asyncio: "asyncio",
  uvloop: "uvloop",
  Trio: "trio",
  curio: "curio",
};

/** The interpreter to use. */
export function interpreter(): string {
  return process.env["RONDO_BENCH_PYTHON"] ?? "python3";
}

type Answer = { cost: number } | { missing: true } | { error: string };

/** A process that runs bench.py for one library. */
export class PythonPeer {
  /** The library and its version, as it names itself. */
  readonly version: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, version: string) {
    this.#process = child;
    this.#lines = lines;
    this.version = version;
  }

  /** A peer that is ready, or `undefined` where the interpreter or the library is not installed. */
  static async start(name: string): Promise<PythonPeer | undefined> {
    const child = spawn(interpreter(), [script, pythonPeers[name] ?? name], { stdio: ["pipe", "pipe", "inherit"] });
    const absent = new Promise<undefined>((resolve) => {
      child.once("error", () => resolve(undefined));
      child.once("exit", () => resolve(undefined));
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await Promise.race([absent, lines.next()]);
    if (!first || first.done) return undefined;
    const { ready } = JSON.parse(first.value) as { ready: string };
    return new PythonPeer(child, lines, ready);
  }

  /**
   * Does `amount` units of a workload.
   *
   * @returns the cost of all of them, or `undefined` where the library does not have the thing
   * @throws Error when the work failed
   */
  async run(work: string, amount: number): Promise<number | undefined> {
    this.#process.stdin?.write(`${JSON.stringify({ work, amount })}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error(`the Python process ended while it did "${work}"`);
    const answer = JSON.parse(line.value) as Answer;
    if ("error" in answer) throw new Error(answer.error);
    return "cost" in answer ? answer.cost : undefined;
  }

  /** Lets the process end. */
  stop(): void {
    this.#process.stdin?.end();
  }
}
