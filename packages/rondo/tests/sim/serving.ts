/** Servers: who is served, how many at once, and what becomes of them when the server is asked to stop. */
import {
  BrokenError,
  CancelledError,
  ClosedError,
  type Coroutine,
  group,
  isStopping,
  moveOnAfter,
  now,
  select,
  sleep,
  stopping,
  timeout,
  TimeoutError,
  type Wait,
} from "../../src/index.ts";
import { type ByteStream, connect, ConnectError, IncompleteError, listen, serve, udp } from "../../src/net/index.ts";
import { assertLinearizable, keyValue, type World } from "../../src/sim/index.ts";
import { actors } from "./actors.ts";
import type { Programs } from "./campaign.ts";

const decoder = new TextDecoder();

/** What may become of a client whose server is stopped, crashes, or is far away. */
function mayHappen(error: unknown): boolean {
  return (
    error instanceof BrokenError ||
    error instanceof ConnectError ||
    error instanceof IncompleteError ||
    error instanceof TimeoutError
  );
}

/** A line, without its end. */
function* line(stream: ByteStream): Coroutine<string | undefined> {
  const bytes = yield* stream.readUntil("\n", { max: 1000 });
  return bytes === undefined ? undefined : decoder.decode(bytes).trimEnd();
}

interface Asked {
  readonly id: string;
  readonly ms: number;
  /** When its handler took it, and when it had the answer. */
  taken: number;
  answered: number;
  /** What the client got. */
  got: string | undefined;
  /** Its client did not wait for it. */
  left: boolean;
}

/** A server that answers what it is asked after so many ms, and is asked to stop at some time. */
function* drain(world: World): Coroutine<void> {
  const maxConnections = world.pick([Infinity, 1, 2]);
  const within = world.integer(0, 60, "within");
  const stopAt = world.integer(5, 80, "stop at");
  const asked = new Map<string, Asked>();
  let handling = 0;
  let stopped = Infinity;
  let over = Infinity;
  world.always("no more are served at once than may be", () => handling <= maxConnections);

  function* handle(stream: ByteStream): Coroutine<void> {
    world.always("nobody is served who came after the stop", now() <= stopped, `${now()} > ${stopped}`);
    handling++;
    try {
      while (!isStopping()) {
        const next = yield* select({ stop: stopping(), head: stream.readUntil("\n", { max: 1000 }) });
        if (next.key === "stop" || next.value === undefined) return;
        const one = asked.get(decoder.decode(next.value as Uint8Array).trimEnd()) as Asked;
        one.taken = now();
        yield* sleep(one.ms);
        one.answered = now();
        yield* stream.write(`${one.id}\n`);
      }
    } finally {
      handling--;
    }
  }

  const server = world.node("server", function* () {
    try {
      yield* group(function* (g) {
        const listener = yield* listen({ host: "0.0.0.0", port: 80 });
        g.spawn(function* () {
          yield* sleep(stopAt);
          stopped = now();
          g.stop({ within });
        });
        try {
          yield* serve(listener, handle, { maxConnections });
        } finally {
          over = now();
        }
      });
    } catch (error) {
      // When the time is over the body is cancelled with the rest, and that is what its group says.
      if (!(error instanceof CancelledError)) throw error;
    }
  });

  const clients = Array.from({ length: world.integer(1, 4, "clients") }, (_, client) =>
    world.node(`client${client}`, function* () {
      yield* sleep(1 + world.choose(40, "comes"));
      let stream: ByteStream;
      try {
        stream = yield* connect({ host: "server", port: 80, timeout: 500 });
      } catch (error) {
        if (!mayHappen(error)) throw error;
        return;
      }
      try {
        for (let n = world.integer(1, 3, "questions"); n > 0; n--) {
          const one: Asked = {
            id: `${client}.${n}`,
            ms: world.choose(30, "takes"),
            taken: Infinity,
            answered: Infinity,
            got: undefined,
            left: false,
          };
          asked.set(one.id, one);
          yield* stream.write(`${one.id}\n`);
          if (world.choose(8, "leaves") === 7) {
            one.left = true;
            const answer = yield* moveOnAfter(world.choose(30), line(stream));
            if (answer.timedOut) return stream.abort();
            one.got = answer.value;
          } else one.got = yield* line(stream);
          if (one.got === undefined) return;
          world.always("the answer is that to the question", one.got === one.id, `${one.got} to ${one.id}`);
        }
      } catch (error) {
        if (!mayHappen(error)) throw error;
      } finally {
        yield* stream.close();
      }
    }),
  );
  yield* server.ended();
  for (const client of clients) if (client.up) yield* client.ended();
  world.always("the server is over when its time is", over <= stopped + within + 1, `${over}, stopped at ${stopped}`);
  for (const { id, taken, answered, got, left } of asked.values()) {
    if (got !== undefined) world.always("who has an answer was answered", answered < Infinity, id);
    world.sometimes("a question is answered after the stop", answered < Infinity && answered > stopped);
    // What is answered before the time is over is written before the stream is closed: it arrives, however late.
    if (answered < stopped + within && !left) world.always("who was answered in time gets the answer", got === id, id);
    if (taken < Infinity && answered === Infinity) {
      world.sometimes("a handler is cancelled at the end of the time");
      world.always("who is cancelled has had its time", left || over >= stopped + within, id);
    }
  }
}

/**
 * A store behind a server that crashes and comes back, over a network that loses and delays, and clients that give up: the
 * history of what they asked and got is that of a store. What nobody had an answer to may have happened or not.
 */
function* store(world: World): Coroutine<void> {
  const values = new Map<string, string>();
  const history = world.history();
  const keys = ["x", "y"];
  let next = 0;
  const serving = function* (): Coroutine<void> {
    yield* serve(yield* listen({ host: "0.0.0.0", port: 80 }), function* (stream) {
      for (;;) {
        const asked = yield* line(stream);
        if (asked === undefined) return;
        const [op = "", key = "", value = "", to = ""] = asked.split(" ");
        yield* sleep(world.choose(4, "reads the disk"));
        // One step: what is asked happens at this very moment.
        const stored = values.get(key);
        if (op === "put") values.set(key, value);
        const swaps = op === "cas" && stored === value;
        if (swaps) values.set(key, to);
        yield* sleep(world.choose(4, "writes the disk"));
        yield* stream.write(op === "get" ? `${stored ?? "-"}\n` : op === "cas" ? `${swaps}\n` : "ok\n");
      }
    });
  };
  const server = world.node("server", serving);

  function* ask(stream: ByteStream, name: string): Coroutine<void> {
    const key = world.pick(keys);
    const [from, to] = [`v${world.choose(Math.max(1, next))}`, `v${next++}`];
    switch (world.choose(3, "ask")) {
      case 0:
        yield* history.call(name, "get", [key], function* () {
          const got = yield* answer(stream, `get ${key}`);
          return got === "-" ? undefined : got;
        });
        return;
      case 1:
        yield* history.call(name, "put", [key, to], function* () {
          yield* answer(stream, `put ${key} ${to}`);
        });
        return;
      default:
        yield* history.call(name, "cas", [key, from, to], function* () {
          return (yield* answer(stream, `cas ${key} ${from} ${to}`)) === "true";
        });
    }
  }

  function* answer(stream: ByteStream, question: string): Coroutine<string> {
    yield* stream.write(`${question}\n`);
    const got = yield* line(stream);
    if (got === undefined) throw new BrokenError("no answer came");
    return got;
  }

  const clients = Array.from({ length: world.integer(2, 4, "clients") }, (_, client) =>
    world.node(`client${client}`, function* () {
      for (let lives = 0; lives < 3; lives++) {
        yield* sleep(1 + world.choose(20, "comes"));
        try {
          const stream = yield* connect({ host: "server", port: 80, timeout: 300 });
          try {
            for (let n = world.integer(1, 5, "questions"); n > 0; n--)
              yield* timeout(world.pick([200, 5, 20]), ask(stream, `client ${client}, life ${lives}`));
          } finally {
            // An answer that comes late must not be taken for that to the next question.
            stream.abort();
          }
        } catch (error) {
          if (!mayHappen(error)) throw error;
        }
      }
    }),
  );
  yield* group(function* (g) {
    g.spawn(
      function* () {
        for (;;) {
          yield* sleep(world.integer(5, 100, "quiet"));
          const what = world.choose(5, "trouble");
          if (what === 3) {
            server.crash();
            yield* sleep(world.choose(50, "down"));
            server.restart();
          } else if (what === 4) {
            const client = world.pick(clients);
            world.network.cut(client, server, { oneWay: world.chance(0.5) });
            yield* sleep(world.choose(100, "cut"));
            world.network.heal(client, server);
          }
        }
      },
      { daemon: true, name: "troubles" },
    );
    for (const client of clients) yield* client.ended();
  });
  world.sometimes(
    "nobody knows whether it happened",
    history.calls.some(({ outcome }) => outcome === "info"),
  );
  assertLinearizable(history, keyValue());
}

/** A listener that is closed, or whose server is cancelled, leaves nobody waiting and nothing open. */
function* closing(world: World): Coroutine<void> {
  const how = world.choose(3, "how");
  const server = world.node("server", () =>
    group(function* (g) {
      const listener = yield* listen({ host: "0.0.0.0", port: 80, backlog: world.integer(1, 3) });
      const task = g.spawn(
        serve(listener, function* (stream) {
          const bytes = yield* stream.read();
          yield* sleep(world.choose(10, "takes"));
          if (bytes !== undefined) yield* stream.write(bytes);
        }),
      );
      yield* sleep(world.integer(5, 60, "until"));
      if (how === 0) listener.close();
      else if (how === 1) task.cancel();
      else g.stop();
      yield* task.ended();
      world.always("the listener is closed", (yield* refused(listener.accept())) instanceof ClosedError);
    }),
  );
  const clients = Array.from({ length: world.integer(1, 5, "clients") }, (_, client) =>
    world.node(`client${client}`, function* () {
      yield* sleep(1 + world.choose(25, "comes"));
      try {
        const stream = yield* connect({ host: "server", port: 80, timeout: 200 });
        try {
          yield* stream.write("x");
          const got = yield* timeout(2000, stream.read());
          world.sometimes("somebody is served", got !== undefined);
        } finally {
          yield* stream.close();
        }
      } catch (error) {
        if (!mayHappen(error)) throw error;
        world.sometimes("somebody comes too late");
      }
    }),
  );
  yield* server.ended();
  for (const client of clients) if (client.up) yield* client.ended();
}

/** Who accepts and gives up in the same moment loses nobody: everybody who came is accepted once. */
function* accepting(world: World): Coroutine<void> {
  const accepted: string[] = [];
  const arrived: string[] = [];
  const count = world.integer(1, 6, "clients");
  const server = world.node("server", function* () {
    using listener = yield* listen({ host: "0.0.0.0", port: 80, backlog: 10 });
    const serveOne = function* (stream: ByteStream): Coroutine<void> {
      accepted.push((yield* line(stream)) ?? "nobody");
      yield* stream.close();
    };
    yield* actors(
      world,
      function* (actor): Coroutine<void> {
        let stream: ByteStream | undefined;
        try {
          stream = (yield* actor.attempt("accept", undefined, () => listener.accept()))?.value;
        } finally {
          // The actor may be cancelled right behind it.
          const taken = stream;
          if (taken !== undefined) actor.group.spawn(() => serveOne(taken));
        }
      },
      { until: 60 },
    );
    while (accepted.length < count) yield* serveOne(yield* listener.accept());
  });
  const clients = Array.from({ length: count }, (_, client) =>
    world.node(`client${client}`, function* () {
      yield* sleep(1 + world.choose(10, "comes"));
      const stream = yield* connect({ host: "server", port: 80 });
      yield* stream.write(`client ${client}\n`);
      yield* stream.read();
      arrived.push(`client ${client}`);
      yield* stream.close();
    }),
  );
  for (const client of clients) if (client.up) yield* client.ended();
  if (server.up) yield* server.ended();
  world.always("everybody is accepted once", accepted.toSorted().join() === arrived.toSorted().join(), accepted.join());
  world.always("nobody is left out", accepted.length === count);
}

/** A datagram is received once, by one of those who wait, whoever gives up; over a network that loses and repeats none. */
function* datagrams(world: World): Coroutine<void> {
  // Nor may one be on its way for longer than is waited for it.
  world.network.defaults = { loss: 0, duplicate: 0, reorder: 0, jitter: 0 };
  const sent = new Set<string>();
  const received: string[] = [];
  let over = false;
  const server = world.node("server", function* () {
    const socket = yield* udp({ bind: { host: "0.0.0.0", port: 53 } });
    const note = ({ data }: { readonly data: Uint8Array }): void => void received.push(decoder.decode(data));
    yield* actors(
      world,
      function* (actor): Coroutine<void> {
        const got = yield* actor.attempt("receive", undefined, () => socket.receive());
        if (got !== undefined) note(got.value);
      },
      { until: 60 },
    );
    while (!over || socket.statistics().waiting > 0) {
      const got = yield* moveOnAfter(500, socket.receive());
      if (!got.timedOut) note(got.value);
    }
    world.always("nothing is dropped", socket.statistics().dropped === 0);
    socket.close();
  });
  const client = world.node("client", () =>
    group(function* (g) {
      yield* sleep(1);
      const socket = yield* udp();
      for (let sender = world.integer(1, 3, "senders"); sender > 0; sender--) {
        g.spawn(function* () {
          for (let n = world.integer(1, 5, "datagrams"); n > 0; n--) {
            const text = `${sender}.${n}`;
            sent.add(text);
            yield* socket.send(text, { host: server.address, port: 53 });
            yield* sleep(world.choose(4, "pause"));
          }
        });
      }
      g.spawn(function* () {
        yield* sleep(100);
        socket.close();
      });
    }),
  );
  yield* client.ended();
  yield* sleep(5000);
  over = true;
  yield* server.ended();
  world.always(
    "each is received once",
    received.toSorted().join() === [...sent].toSorted().join(),
    `${received.join()} of ${[...sent].join()}`,
  );
}

function* refused(accept: Wait<ByteStream>): Coroutine<unknown> {
  try {
    yield* accept;
  } catch (error) {
    return error;
  }
  return undefined;
}

export const serving: Programs = {
  "serve(): a stop drains it: who was answered in time has the answer, who was not has had its time": drain,
  "a store behind a server that crashes, over a bad network: its history is that of a store": store,
  "accept(): everybody who comes is accepted once, whoever gives up": accepting,
  "udp(): a datagram is received once, whoever gives up": datagrams,
  "serve(): closed, cancelled or stopped, it leaves nobody waiting and nothing open": closing,
};
