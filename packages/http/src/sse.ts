/**
 * Server-sent events (the WHATWG HTML standard, section 9.2): a flow of events as an answer that does not end.
 */
import { type Coroutine, defer, type Emit, Flow, group, now, sleep } from "rondo";
import { HttpResponse, type ResponseInit } from "./response.ts";

/** One event. A string is an event with that data. */
export interface ServerEvent {
  /** The text; it may have several lines. */
  readonly data?: string | undefined;
  /** Which listeners get it; those of `message` where nothing is said. */
  readonly event?: string | undefined;
  /** What the client sends back as `Last-Event-ID` when it connects anew. */
  readonly id?: string | undefined;
  /** How long the client is to wait before it connects anew, in ms. */
  readonly retry?: number | undefined;
}

/** How events are sent. */
export interface SseOptions extends ResponseInit {
  /**
   * After so many ms without an event a comment is sent, so that nobody between takes the connection for dead: 15 s where
   * nothing is said, `Infinity` for never.
   */
  readonly heartbeat?: number | undefined;
}

const HEARTBEAT = 15_000;
const COMMENT = ":\n\n";

/**
 * The events of a flow as an answer. Each goes out as soon as it is there; when the flow ends so does the answer, and when
 * the client leaves the flow is closed.
 *
 * @example
 * ```ts
 * import { Flow, run } from "rondo";
 * import { serveStream, sse } from "@rondo/http";
 * import { memoryPair } from "rondo/net";
 *
 * await run(function* () {
 *   const [client, server] = memoryPair();
 *   yield* client.write("GET / HTTP/1.0\r\n\r\n");
 *   yield* serveStream(server, () => sse(Flow.from(["one", { event: "count", data: "2" }])));
 *   const lines = yield* client.lines().toArray();
 *   console.log(lines.slice(lines.indexOf("") + 1)); // prints: [ 'data: one', '', 'event: count', 'data: 2', '' ]
 * });
 * ```
 */
export function sse(events: Flow<ServerEvent | string>, options: SseOptions = {}): HttpResponse {
  const { heartbeat = HEARTBEAT, ...init } = options;
  if (!(heartbeat > 0)) throw new RangeError(`a heartbeat takes ms, more than 0, not ${String(heartbeat)}`);
  const body =
    heartbeat === Infinity ? events.map(formatEvent) : Flow.from<string>((emit) => beating(emit, events, heartbeat));
  return new HttpResponse(body, init, "text/event-stream").with({ headers: { "cache-control": "no-store" }, body });
}

/** The events, and a comment wherever they leave too long a gap. */
function* beating(emit: Emit<string>, events: Flow<ServerEvent | string>, heartbeat: number): Coroutine<void> {
  defer(() => events.close());
  yield* group(function* (g) {
    let last = now();
    g.spawn(
      function* keepAlive() {
        for (;;) {
          const due = last + heartbeat;
          if (due > now()) yield* sleep(due - now());
          else {
            yield* emit(COMMENT); // for as long as the client takes nothing no other one is made
            last = now();
          }
        }
      },
      { daemon: true },
    );
    for (;;) {
      const event = yield* events.next();
      if (event === undefined) return;
      yield* emit(formatEvent(event));
      last = now();
    }
  });
}

/**
 * An event as it is sent. Throws a `TypeError` where a name or an id has a line break, which would begin another field.
 *
 * @example
 * ```ts
 * import { formatEvent } from "@rondo/http";
 *
 * console.log(JSON.stringify(formatEvent({ id: "7", data: "a\nb" }))); // prints: "id: 7\ndata: a\ndata: b\n\n"
 * ```
 */
export function formatEvent(event: ServerEvent | string): string {
  if (typeof event === "string") return `${dataLines(event)}\n`;
  const { data, event: name, id, retry } = event;
  let text = "";
  if (name !== undefined) text += `event: ${oneLine("the name", name)}\n`;
  if (id !== undefined) {
    if (id.includes("\0")) throw new TypeError("the id of an event cannot hold a NUL: clients would not keep it");
    text += `id: ${oneLine("the id", id)}\n`;
  }
  if (retry !== undefined) {
    if (!(Number.isSafeInteger(retry) && retry >= 0))
      throw new TypeError(`the retry of an event is whole ms, not ${retry}`);
    text += `retry: ${retry}\n`;
  }
  if (data !== undefined) text += dataLines(data);
  return `${text}\n`;
}

function dataLines(data: string): string {
  return data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join("");
}

function oneLine(what: string, text: string): string {
  if (/[\r\n]/.test(text)) throw new TypeError(`${what} of an event cannot have a line break: ${JSON.stringify(text)}`);
  return text;
}
