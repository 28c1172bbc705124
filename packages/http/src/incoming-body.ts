/**
 * The body of the request that is being answered, on its way in: pulled by the handler, or read over when it is not wanted.
 *
 * A client that waits to be asked for it is asked when the handler reads first, so a handler can refuse a body before it is
 * sent. A client that is slow has a patience that what it sends refills, so that a slow line is waited for and a drip of single
 * bytes is not.
 */
import { ClosedError, type Coroutine } from "rondo";
import type { ByteStream } from "rondo/net";
import { DATA, END, type ParserEvent } from "./parser.ts";
import type { HttpRequest } from "./request.ts";
import type { RequestParser } from "./request-parser.ts";
import type { ServerCore } from "./server-core.ts";
import { CONTINUE } from "./writer.ts";

export class IncomingBody {
  declare private readonly core: ServerCore;
  declare private readonly stream: ByteStream;
  declare private parser: RequestParser;
  /** Not all of it has been read. */
  declare open: boolean;
  /** Somebody waits for more of it. */
  declare reading: boolean;
  /** Until when that may take. */
  declare until: number;
  declare private length: number;
  declare private read: number;
  /** The client waits to be asked. */
  declare expects: boolean;
  /** How long may be waited for more. */
  declare private patience: number;

  constructor(core: ServerCore, stream: ByteStream, parser: RequestParser) {
    this.core = core;
    this.stream = stream;
    this.parser = parser;
    this.open = false;
    this.reading = false;
    this.until = Infinity;
    this.length = 0;
    this.read = 0;
    this.expects = false;
    this.patience = 0;
  }

  /** A request has come, of which there is a body. */
  begin(length: number, expects: boolean): void {
    this.open = true;
    this.length = length;
    this.read = 0;
    this.expects = expects;
    this.patience = this.core.timeouts.body;
  }

  /** No body will come any more: the parser is let go, for one that nobody uses. */
  retire(parser: RequestParser): void {
    this.parser = parser;
  }

  /** An answer is on its way for which the body will be read: the client is asked for it now, since it cannot be later. */
  *ask(): Coroutine<void> {
    if (!this.expects) return;
    this.expects = false;
    yield* this.stream.write(CONTINUE);
  }

  /** The next bytes of it, `undefined` at its end. `over` tells that the request is. */
  *next(request: HttpRequest, over: () => "no" | "answered" | "yes"): Coroutine<Uint8Array | undefined> {
    const { stream, parser } = this;
    for (;;) {
      const state = over();
      if (state === "yes")
        throw new ClosedError(`${request.method} ${request.path} is over: its body cannot be read any more`);
      if (!this.open) return undefined;
      const event = parser.next();
      if (event === DATA) {
        this.read += parser.data.length;
        return parser.data;
      }
      if (event === END) {
        this.open = false;
        request.trailers = parser.trailers;
        return undefined;
      }
      if (this.expects) {
        this.expects = false;
        // Not behind an answer: that was the end of it.
        if (state === "no") yield* stream.write(CONTINUE);
      }
      yield* this.more();
    }
  }

  private *more(): Coroutine<void> {
    const { core, stream, parser } = this;
    const begun = core.loop.now();
    this.until = begun + this.patience;
    core.watch.sooner(this.until);
    this.reading = true;
    let chunk: Uint8Array | undefined;
    try {
      chunk = yield* stream.read();
    } finally {
      this.until = Infinity;
      this.reading = false;
    }
    if (chunk === undefined) {
      parser.finish();
      return;
    }
    parser.push(chunk);
    const bought = (chunk.length * 1000) / core.limits.rate;
    this.patience = Math.min(core.timeouts.body, this.patience - (core.loop.now() - begun) + bought);
  }

  /** Whether what is left of it is worth reading over, as far as that is known. */
  get canDrain(): boolean {
    if (!this.open) return true;
    // Whoever waits to be asked for the body may send it or not: nobody knows where the next request begins.
    if (this.expects) return false;
    return this.length < 0 || this.length - this.read <= this.core.limits.drain;
  }

  /** Reads over what is left of it, within the limit. Whether that was all. */
  *drain(): Coroutine<boolean> {
    const { core, stream, parser } = this;
    let left = core.limits.drain;
    while (this.open) {
      let event: ParserEvent;
      try {
        event = parser.next();
      } catch {
        // What is wrong with a body that nobody wanted is told to nobody: the connection ends here.
        return false;
      }
      if (event === END) this.open = false;
      else if (event === DATA) {
        left -= parser.data.length;
        if (left < 0) return false;
      } else {
        const chunk = yield* stream.read();
        if (chunk === undefined) parser.finish();
        else parser.push(chunk);
      }
    }
    return true;
  }
}
