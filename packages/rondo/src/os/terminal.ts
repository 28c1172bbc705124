/**
 * The keyboard, key by key.
 *
 * A terminal in raw mode gives each key at once, shows nothing by itself, and leaves even Ctrl-C to the program. A terminal that is
 * left in that state is of no use to anybody, so the one thing that counts is that it gets its old one back, whatever happens: the
 * mode belongs to the scope, as a file would; and where the process ends without any cleanup, to the end of the process.
 */
import type { ReadStream } from "node:tty";

import { ClosedError } from "../coroutine/errors.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { Flow } from "../combine/flow.ts";
import { NOT_YET, type Source } from "../combine/flow-source.ts";
import { checkMs } from "../loop/sleep.ts";
import type { ByteStream } from "../net/stream.ts";
import { defer } from "../task/defer.ts";
import { moveOnAfter } from "../task/scope.ts";
import { FileError } from "./errors.ts";
import { type Key, KeyDecoder } from "./keys.ts";
import { stdin } from "./stdio.ts";

/** How keys are read. */
export interface RawInputOptions {
  /** Whether Ctrl-C is the signal `SIGINT`, as outside of raw mode, and no key. True by default. */
  readonly interrupts?: boolean | undefined;
  /** Whether the terminal is asked to say what was pasted (one key `paste` with the text, and not a thousand keys). True by default. */
  readonly paste?: boolean | undefined;
  /** How long an Escape may be the beginning of another key, in ms: 50 by default. */
  readonly escape?: number | undefined;
}

const PASTE_ON = "\u001b[?2004h";
const PASTE_OFF = "\u001b[?2004l";

/** The terminal in raw mode, until it is given back. */
class RawMode {
  private readonly terminal: ReadStream;
  private readonly before: boolean;
  private readonly paste: boolean;
  private readonly onExit = (): void => this.restore();
  private over: boolean;

  constructor(terminal: ReadStream, paste: boolean) {
    this.terminal = terminal;
    this.before = terminal.isRaw;
    // What answers is asked: where the output is a file, nobody is.
    this.paste = paste && process.stdout.isTTY;
    this.over = false;
    terminal.setRawMode(true);
    if (this.paste) process.stdout.write(PASTE_ON);
    process.on("exit", this.onExit);
  }

  restore(): void {
    if (this.over) return;
    this.over = true;
    process.off("exit", this.onExit);
    if (this.paste) process.stdout.write(PASTE_OFF);
    this.terminal.setRawMode(this.before);
  }
}

class Keys implements Source<Key> {
  private readonly input: ByteStream;
  private readonly mode: RawMode;
  private readonly decoder: KeyDecoder;
  private readonly interrupts: boolean;
  private readonly escape: number;
  private keys: Key[];
  private over: boolean;
  private closed: boolean;

  constructor(input: ByteStream, mode: RawMode, options: RawInputOptions) {
    this.input = input;
    this.mode = mode;
    this.decoder = new KeyDecoder();
    this.interrupts = options.interrupts !== false;
    this.escape = checkMs(options.escape ?? 50, "the escape time of rawInput()");
    this.keys = [];
    this.over = false;
    this.closed = false;
  }

  take(): Key | undefined | typeof NOT_YET {
    for (let key = this.keys.shift(); key !== undefined; key = this.keys.shift()) {
      if (!this.interrupts || !key.ctrl || key.name !== "c") return key;
      // What the terminal would have done.
      process.kill(process.pid, "SIGINT");
    }
    if (this.closed) throw new ClosedError("rawInput() has ended with the scope in which it began");
    return this.over ? undefined : NOT_YET;
  }

  *ready(): Coroutine<void> {
    const { decoder, input } = this;
    if (decoder.undecided) {
      const { timedOut, value } = yield* moveOnAfter(this.escape, input.read());
      if (timedOut) this.keys.push(...decoder.settle());
      else this.came(value);
    } else this.came(yield* input.read());
  }

  private came(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) this.keys.push(...this.decoder.push(bytes));
    else {
      this.over = true;
      this.keys.push(...this.decoder.settle());
    }
  }

  close(): void {
    this.closed = true;
    this.mode.restore();
  }
}

/**
 * Puts the terminal into raw mode until the end of the current scope, and gives its keys: characters, arrows and other named keys, with
 * Ctrl and Alt, and what is pasted as one. Nothing that is typed is shown. The flow ends when the terminal goes away. Not a switch point;
 * pulling is. Throws a `FileError` (`ENOTTY`) where the standard input is no terminal.
 *
 * Ctrl-C is a `SIGINT` as ever, unless `interrupts` is false; other signals of the keyboard (Ctrl-Z, Ctrl-\) are keys. The terminal is as
 * it was before when the scope has ended for whatever reason, when the flow is closed, or when the process ends, except by `SIGKILL`.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { FileError, rawInput } from "rondo/os";
 *
 * await run(function* () {
 *   if (process.stdin.isTTY) {
 *     yield* rawInput().take(1).forEach((key) => console.error("you pressed", key.name));
 *   } else {
 *     try {
 *       rawInput();
 *     } catch (error) {
 *       console.log((error as FileError).code); // prints: ENOTTY
 *     }
 *   }
 * });
 * ```
 */
export function rawInput(options: RawInputOptions = {}): Flow<Key> {
  const terminal = process.stdin;
  if (!terminal.isTTY)
    throw new FileError({ code: "ENOTTY", operation: "rawInput", path: "stdin" }, "it is no terminal");
  // Before the mode, so that it is given back after it.
  const input = stdin();
  const keys = new Keys(input, new RawMode(terminal, options.paste !== false), options);
  defer(() => keys.close());
  return new Flow(keys, { name: "keys" });
}
