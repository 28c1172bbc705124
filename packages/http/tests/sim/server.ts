/**
 * A server among clients that are far away, slow, impatient or gone: what each of them gets is whole and is theirs, and what
 * nobody wants any more has been cleaned up.
 *
 * The clients read with the parser of the other side, strictly, so an answer that is cut, mixed up with another, or framed
 * wrongly is an error and not a guess.
 */
import {
  BrokenError,
  CancelledError,
  cleanup,
  ClosedError,
  type Coroutine,
  group,
  type Group,
  moveOnAfter,
  now,
  sleep,
  TimeoutError,
} from "rondo";
import { type ByteStream, connect, ConnectError } from "rondo/net";
import type { World } from "rondo/sim";
import {
  bytes,
  type HttpRequest,
  ParserEvent,
  type RequestHandler,
  ResponseParser,
  serve,
  type ServeOptions,
  type ServerMetrics,
  stream,
  text,
  TruncatedError,
} from "../../src/index.ts";
import type { Programs } from "../../../rondo/tests/sim/campaign.ts";

const { CLOSED, DATA, END, HEAD, NEED } = ParserEvent;

/** When a server is stopped that is not to be stopped in the middle: later than the slowest packet. */
const LONG = 600_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What may become of a client whose server is stopped, or that is far away. */
function mayHappen(error: unknown): boolean {
  return error instanceof BrokenError || error instanceof ConnectError || error instanceof TimeoutError;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly closes: boolean;
}

/** One connection of a client. */
class Connection {
  readonly stream: ByteStream;
  private readonly parser: ResponseParser;

  constructor(stream: ByteStream) {
    this.stream = stream;
    this.parser = new ResponseParser();
  }

  /** The next answer; undefined where the server has closed before the first byte of it. */
  *answer(method: string = "GET"): Coroutine<Answer | undefined> {
    const { stream, parser } = this;
    parser.expect(method);
    let body = "";
    let status = 0;
    let closes = false;
    for (;;) {
      const event = parser.next();
      if (event === NEED) {
        const chunk = yield* stream.read();
        if (chunk === undefined) parser.finish();
        else parser.push(chunk);
      } else if (event === DATA) body += decoder.decode(parser.data);
      else if (event === END) return { status, body, closes };
      else if (event === CLOSED) return undefined;
      else if (event === HEAD) {
        ({ status } = parser.head);
        closes = !parser.head.persistent;
      }
    }
  }
}

/** What became of one request, seen from both sides. */
interface Seen {
  readonly id: string;
  /** When its handler began, and when it had the answer; how often it began and ended. */
  begun: number;
  answered: number;
  runs: number;
  ended: number;
  /** The client has the whole answer. */
  got: boolean;
  /** The client has left on purpose. */
  left: boolean;
}

class Ledger {
  private readonly all: Map<string, Seen> = new Map();
  at(id: string): Seen {
    let seen = this.all.get(id);
    if (seen === undefined) {
      seen = { id, begun: Infinity, answered: Infinity, runs: 0, ended: 0, got: false, left: false };
      this.all.set(id, seen);
    }
    return seen;
  }
  get entries(): Iterable<Seen> {
    return this.all.values();
  }
}

/** Answers with the path and what came, after some time, in some form. */
function handlerOf(world: World, ledger: Ledger, slowest: number): RequestHandler {
  function* handle(request: HttpRequest): Coroutine<any> {
    const seen = ledger.at(request.path);
    seen.begun = now();
    seen.runs++;
    try {
      const wants = world.choose(4, "wants the body");
      let body = "";
      if (wants < 2) body = yield* request.text();
      else if (wants === 2) body = decoder.decode((yield* request.read()) ?? new Uint8Array(0)).slice(0, 0);
      yield* sleep(world.choose(slowest, "takes"));
      const whole = `${request.path}:${body}`;
      seen.answered = now();
      switch (world.choose(4, "form")) {
        case 0:
          return text(whole);
        case 1:
          return bytes(encoder.encode(whole));
        case 2:
          return stream([whole.slice(0, 3), whole.slice(3)], { length: encoder.encode(whole).length });
        default:
          return stream(function* (emit) {
            for (let i = 0; i < whole.length; i += 7) {
              yield* emit(whole.slice(i, i + 7));
              if (world.chance(0.2, "pauses")) yield* sleep(world.choose(5));
            }
          });
      }
    } finally {
      // Cleanup that waits is waited for.
      if (world.chance(0.3, "cleanup waits")) yield* cleanup(sleep(world.choose(3)));
      seen.ended++;
    }
  }
  return handle;
}

interface Around {
  readonly server: ReturnType<World["node"]>;
  readonly metrics: () => ServerMetrics;
}

/** A server on a node of its own; stopped at some time, or at the end. */
function serverNode(world: World, options: Omit<ServeOptions, "port">, stopAt: number, within: number): Around {
  let metrics: (() => ServerMetrics) | undefined;
  function* serving(g: Group): Coroutine<void> {
    const running = yield* serve({ host: "0.0.0.0", port: 80, ...options });
    metrics = () => running.metrics();
    yield* sleep(stopAt);
    if (world.chance(0.5, "by its group")) g.stop({ within });
    else running.stop({ within });
    yield* running.ended();
  }
  const server = world.node("server", function* () {
    try {
      yield* group(serving);
    } catch (error) {
      // Its time was over, and what was left was cancelled: so a group says it.
      if (!(error instanceof CancelledError && error.reason === "it did not stop in time")) throw error;
    }
  });
  return { server, metrics: () => (metrics as () => ServerMetrics)() };
}

function* dial(): Coroutine<Connection | undefined> {
  try {
    return new Connection(yield* connect({ host: "server", port: 80, timeout: 2000 }));
  } catch (error) {
    if (!mayHappen(error)) throw error;
    return undefined;
  }
}

function requestOf(world: World, path: string, body: string): string {
  const form = body === "" ? 0 : 1 + world.choose(2, "framing");
  if (form === 0) return `GET ${path} HTTP/1.1\r\nHost: server\r\n\r\n`;
  if (form === 1) return `POST ${path} HTTP/1.1\r\nHost: server\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const at = 1 + world.choose(body.length, "chunk");
  const chunks = [body.slice(0, at), body.slice(at)].filter((one) => one !== "");
  return `PUT ${path} HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n${chunks
    .map((one) => `${one.length.toString(16)}\r\n${one}\r\n`)
    .join("")}0\r\n\r\n`;
}

/** What holds of all that was asked, once nothing is left of it. */
function settle(world: World, ledger: Ledger, metrics: ServerMetrics): void {
  for (const { id, runs, ended, got, begun } of ledger.entries) {
    world.always("a request is handled at most once", runs <= 1, `${id}: ${runs}`);
    world.always("what has begun has been cleaned up", ended === runs, id);
    if (got) world.always("who has an answer was handled", begun < Infinity, id);
  }
  world.always("nothing is left in the counters", metrics.inFlight === 0 && metrics.connections === 0);
  const answers = metrics.responses.reduce((sum, n) => sum + n, 0);
  world.always(
    "each request was answered or abandoned",
    metrics.latency.count + metrics.abandoned === metrics.requests,
    `${metrics.requests} requests, ${answers} answers, ${metrics.abandoned} abandoned`,
  );
}

/** Clients with kept connections, and a server that is asked to stop in the middle of it all. */
function* drain(world: World): Coroutine<void> {
  const ledger = new Ledger();
  const stopAt = world.integer(5, 100, "stop at");
  const within = world.integer(0, 80, "within");
  let over = Infinity;
  const options = { handler: handlerOf(world, ledger, 30), limits: { connections: world.pick([Infinity, 2]) } };
  const { server, metrics } = serverNode(world, options, stopAt, within);
  const clients = Array.from({ length: world.integer(1, 4, "clients") }, (_, client) =>
    world.node(`client${client}`, function* () {
      yield* sleep(1 + world.choose(60, "comes"));
      for (let tries = 0; tries < 3; tries++) {
        const connection = yield* dial();
        if (connection === undefined) return;
        const { stream } = connection;
        try {
          for (let n = 0; n < 4; n++) {
            const id = `/${client}.${tries}.${n}`;
            const body = "b".repeat(world.choose(4, "body") * 700);
            const seen = ledger.at(id);
            yield* stream.write(requestOf(world, id, body));
            const answer = yield* connection.answer();
            // Closed between two requests, as a kept connection may be at any time: it was never begun, and can be sent again.
            if (answer === undefined) {
              world.always("what was closed unanswered was not handled", seen.runs === 0, id);
              world.sometimes("a kept connection is closed when the server stops");
              break;
            }
            world.always("the answer is that to the request", answer.body.startsWith(`${id}:`), answer.body);
            seen.got = true;
            world.sometimes("a request is answered after the stop", seen.answered > stopAt && seen.answered < Infinity);
            if (answer.closes) break;
            yield* sleep(world.choose(20, "thinks"));
          }
        } catch (error) {
          // Cut short: the server's time was over, or the request reached a connection that had just been closed.
          if (!mayHappen(error) && !(error instanceof TruncatedError)) throw error;
        } finally {
          yield* stream.close();
        }
      }
    }),
  );
  yield* server.ended();
  over = world.time;
  for (const client of clients) if (client.up) yield* client.ended();
  settle(world, ledger, metrics());
  for (const { id, begun, answered, got } of ledger.entries) {
    if (begun === Infinity || got) continue;
    // It was begun and not answered: only because all of the time was over.
    world.sometimes("a request is cut when the time is over");
    world.always(
      "who had begun has had all of the time",
      answered < Infinity || over >= stopAt + within,
      `${id}: begun at ${begun}, over at ${over}`,
    );
  }
}

/** Requests behind each other on one connection, and a client that leaves at any moment, in any way. */
function* pipelining(world: World): Coroutine<void> {
  const ledger = new Ledger();
  const halfClose = world.chance(0.5, "half close");
  const pipelined = world.pick([1, 2, 8], "at once");
  let atWork = 0;
  const inner = handlerOf(world, ledger, 15);
  function* handler(request: HttpRequest): Coroutine<any> {
    atWork++;
    world.always("no more handlers at once than may be", atWork <= pipelined);
    world.sometimes("handlers are at work at once", atWork > 1);
    try {
      return yield* inner(request) as Coroutine<any>;
    } finally {
      atWork--;
    }
  }
  const { server, metrics } = serverNode(world, { handler, halfClose, limits: { pipelined } }, LONG, 5000);
  const client = world.node("client", function* () {
    yield* sleep(1);
    const connection = yield* dial();
    if (connection === undefined) return;
    const { stream } = connection;
    const count = world.integer(1, 6, "requests");
    const ids = Array.from({ length: count }, (_, n) => `/${n}`);
    const messages = ids.map((id) => requestOf(world, id, "x".repeat(world.pick([0, 0, 0, 10, 40], "body")))).join("");
    const leaves = world.pick(["never", "ends", "resets", "cut"], "leaves");
    const cut = leaves === "cut" ? world.choose(messages.length, "cut at") : messages.length;
    yield* group(function* (g) {
      g.spawn(function* () {
        try {
          yield* stream.write(messages.slice(0, cut));
          if (leaves === "never") return;
          yield* sleep(world.choose(40, "leaves after"));
          for (const id of ids) ledger.at(id).left = true;
          if (leaves === "resets") stream.abort();
          else yield* stream.end();
        } catch (error) {
          if (!mayHappen(error) && !(error instanceof ClosedError)) throw error;
        }
      });
      let answers = 0;
      try {
        for (const id of ids) {
          const answer = yield* connection.answer();
          if (answer === undefined) break;
          if (answer.status === 400 && leaves === "cut") break;
          world.always("answers come in order, each to its request", answer.body.startsWith(`${id}:`), answer.body);
          ledger.at(id).got = true;
          answers++;
        }
      } catch (error) {
        if (!mayHappen(error) && !(error instanceof TruncatedError) && !(error instanceof ClosedError)) throw error;
        world.sometimes("a client finds its connection reset", leaves === "ends" && !halfClose);
      }
      if (leaves === "never" || (leaves === "ends" && halfClose))
        world.always("who listens to the end gets all answers", answers === count, `${answers} of ${count}`);
      if (leaves === "resets")
        world.sometimes("a client leaves when some answers have come", answers > 0 && answers < count);
      stream.abort();
      yield* stream.close();
    });
  });
  yield* client.ended();
  yield* server.ended();
  settle(world, ledger, metrics());
  for (const { begun, answered } of ledger.entries)
    world.sometimes("a handler is cancelled", begun < Infinity && answered === Infinity);
}

/** Everything is slow, and the server's time is short: what ends, ends with an answer that says so or a closed connection. */
function* slowness(world: World): Coroutine<void> {
  const ledger = new Ledger();
  const timeouts = { head: 50, body: 50, idle: 50, handler: 20, write: 50 };
  const { server, metrics } = serverNode(
    world,
    { handler: handlerOf(world, ledger, 30), timeouts, limits: { rate: 1000 } },
    LONG,
    5000,
  );
  const client = world.node("client", function* () {
    yield* sleep(1);
    const connection = yield* dial();
    if (connection === undefined) return;
    const { stream } = connection;
    yield* group(function* (g) {
      const talk = g.spawn(function* () {
        try {
          for (let n = 0; n < 3; n++) {
            const message = requestOf(world, `/${n}`, "y".repeat(world.choose(4, "body") * 30));
            const piece = 1 + world.choose(message.length, "piece");
            for (let at = 0; at < message.length; at += piece) {
              yield* stream.write(message.slice(at, at + piece));
              yield* sleep(world.choose(60, "between"));
            }
          }
        } catch (error) {
          if (!mayHappen(error) && !(error instanceof ClosedError)) throw error;
        }
      });
      try {
        for (let n = 0; n < 3; n++) {
          yield* sleep(world.choose(80, "reads later"));
          const answer = yield* connection.answer();
          if (answer === undefined) {
            world.sometimes("a silent connection is closed");
            break;
          }
          if (answer.status === 200) {
            world.always("the answer is that to the request", answer.body.startsWith(`/${n}:`), answer.body);
            ledger.at(`/${n}`).got = true;
          } else {
            world.always(
              "it says what took too long",
              answer.status === 408 || answer.status === 503,
              String(answer.status),
            );
            world.always("and is the last one", answer.closes);
            world.sometimes(`an answer is ${answer.status}`);
            break;
          }
        }
      } catch (error) {
        if (!mayHappen(error) && !(error instanceof TruncatedError)) throw error;
      } finally {
        talk.cancel();
        stream.abort();
        yield* stream.close();
      }
    });
  });
  yield* client.ended();
  // Whatever the client did, nothing of it is left long before the server is asked to stop.
  if (world.time < LONG - 1000) {
    yield* sleep(LONG - 1000 - world.time);
    const { connections, inFlight } = metrics();
    world.always("nobody is waited for for ever", connections === 0 && inFlight === 0, `${connections} connections`);
  }
  yield* server.ended();
  settle(world, ledger, metrics());
}

/** Clients that come and go at every moment, resets at random, and a server that goes on. */
function* comings(world: World): Coroutine<void> {
  const ledger = new Ledger();
  const { server, metrics } = serverNode(world, { handler: handlerOf(world, ledger, 20) }, LONG, 5000);
  const clients = Array.from({ length: 3 }, (_, client) =>
    world.node(`client${client}`, function* () {
      for (let tries = 0; tries < 3; tries++) {
        yield* sleep(1 + world.choose(30, "comes"));
        const connection = yield* dial();
        if (connection === undefined) return;
        const { stream } = connection;
        const id = `/${client}.${tries}`;
        const message = requestOf(world, id, "z".repeat(world.choose(3, "body") * 1000));
        const leaves = world.chance(0.5, "leaves");
        try {
          const outcome = yield* moveOnAfter(leaves ? world.choose(60, "after") : Infinity, function* () {
            yield* stream.write(message);
            return yield* connection.answer();
          });
          if (outcome.timedOut) {
            ledger.at(id).left = true;
            world.sometimes("a client leaves while it is answered", ledger.at(id).begun < Infinity);
          } else if (outcome.value !== undefined) {
            world.always(
              "the answer is that to the request",
              outcome.value.body.startsWith(`${id}:`),
              outcome.value.body,
            );
            ledger.at(id).got = true;
          }
        } catch (error) {
          if (!mayHappen(error)) throw error;
        } finally {
          if (leaves) stream.abort();
          yield* stream.close();
        }
      }
    }),
  );
  for (const client of clients) if (client.up) yield* client.ended();
  yield* server.ended();
  settle(world, ledger, metrics());
  for (const { id, got, left, answered } of ledger.entries)
    if (!left && answered < LONG) world.always("who stays is answered", got, id);
}

export const serving: Programs = {
  "who had begun is answered when the server stops, and what is cut has had its time": drain,
  "pipelined requests are answered in order, and a client that leaves cancels what is left": pipelining,
  "whoever is slow is ended in time, and told": slowness,
  "clients come and go at any moment, and those who stay are answered": comings,
};
