/**
 * Server-sent events as they are read (the WHATWG HTML standard, section 9.2.6): text in pieces in, events out.
 */
import { Flow } from "rondo";

/** An event as it came. */
export interface ReceivedEvent {
  /** `message` where the server named none. */
  readonly event: string;
  readonly data: string;
  /** The last id that was sent, with this event or before it; empty where there was none. */
  readonly id: string;
}

/** What an event may have, in characters. */
const LONGEST = 1 << 20;

/**
 * Reads events piece by piece, wherever the pieces are cut.
 *
 * @example
 * ```ts
 * import { EventParser } from "@rondo/http";
 *
 * const parser = new EventParser();
 * console.log(parser.push("data: on").length, parser.push("e\n\n")[0]?.data); // prints: 0 one
 * ```
 */
export class EventParser {
  /** How long the server wants a client to wait before it connects anew, in ms; undefined where it has not said. */
  retry: number | undefined;
  /** The last id, for `Last-Event-ID`. */
  lastId: string;
  private readonly longest: number;
  private pending: string[];
  private length: number;
  private data: string[];
  private name: string;
  private first: boolean;
  private afterCr: boolean;

  /** `max`: the longest event, in characters; a longer one is an error, since it would be kept in memory. */
  constructor(options: { readonly max?: number | undefined } = {}) {
    this.retry = undefined;
    this.lastId = "";
    this.longest = options.max ?? LONGEST;
    this.pending = [];
    this.length = 0;
    this.data = [];
    this.name = "";
    this.first = true;
    this.afterCr = false;
  }

  /** Takes text, and gives the events that are whole now. Throws a `RangeError` for one that is too long. */
  push(text: string): ReceivedEvent[] {
    const events: ReceivedEvent[] = [];
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code !== 10 && code !== 13) continue;
      const second = code === 10 && this.afterCr && at === from && this.pending.length === 0;
      this.afterCr = code === 13;
      if (!second) this.line(this.pending.join("") + text.slice(from, at), events);
      this.pending = [];
      from = at + 1;
    }
    if (from < text.length) {
      this.afterCr = false;
      this.grow(text.length - from);
      this.pending.push(text.slice(from));
    }
    return events;
  }

  private grow(length: number): void {
    this.length += length;
    if (this.length > this.longest)
      throw new RangeError(`an event is longer than ${this.longest} characters: raise max, or ask the server for less`);
  }

  private line(line: string, events: ReceivedEvent[]): void {
    const text = this.first && line.startsWith("\ufeff") ? line.slice(1) : line;
    this.first = false;
    if (text === "") {
      if (this.data.length > 0)
        events.push({ event: this.name === "" ? "message" : this.name, data: this.data.join("\n"), id: this.lastId });
      this.data = [];
      this.name = "";
      this.length = 0;
      return;
    }
    this.grow(text.length);
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(text.charAt(colon + 1) === " " ? colon + 2 : colon + 1);
    if (field === "data") this.data.push(value);
    else if (field === "event") this.name = value;
    else if (field === "id" && !value.includes("\0")) this.lastId = value;
    else if (field === "retry" && /^\d{1,12}$/.test(value)) this.retry = Number(value);
  }
}

/**
 * The events of a body of `text/event-stream`. What comes behind the last empty line is no event. Throws as the body does,
 * and a `RangeError` for an event that is too long.
 *
 * @example
 * ```ts
 * import { Flow, run } from "rondo";
 * import { serverEvents } from "@rondo/http";
 *
 * const body = Flow.from([new TextEncoder().encode("event: tick\ndata: 1\n\ndata: 2\n\n")]);
 * await run(function* () {
 *   const events = yield* serverEvents(body).toArray();
 *   console.log(events.map(({ event, data }) => `${event} ${data}`)); // prints: [ 'tick 1', 'message 2' ]
 * });
 * ```
 */
export function serverEvents(
  body: Flow<Uint8Array>,
  options: { readonly max?: number | undefined } = {},
): Flow<ReceivedEvent> {
  return Flow.from<ReceivedEvent>(
    function* (emit) {
      const parser = new EventParser(options);
      const decoder = new TextDecoder();
      for (;;) {
        const bytes = yield* body.next();
        if (bytes === undefined) return;
        for (const event of parser.push(decoder.decode(bytes, { stream: true }))) yield* emit(event);
      }
    },
    { name: "events" },
  );
}
