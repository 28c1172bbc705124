/**
 * WebSockets in a simulated world: who closes when, what is cancelled when, and what the network does meanwhile are drawn.
 *
 * What a seed must not break: messages come in the order in which they were sent, whole, none twice; what was sent and
 * acknowledged by a clean end has come; both sides come to an end, and to the same one where it was clean.
 */
import { BrokenError, type Coroutine, group, type Group, moveOnAfter, now, sleep } from "rondo";
import type { World } from "rondo/sim";
import type { Programs } from "../../../rondo/tests/sim/campaign.ts";
import {
  broadcast,
  type CloseInfo,
  connectWebSocket,
  type ConnectWebSocketOptions,
  serve,
  upgrade,
  type UpgradeOptions,
  type WebSocket,
  WebSocketError,
} from "../../src/index.ts";

/** What one side has done, and what it saw. */
class Side {
  readonly name: string;
  /** Messages whose send has completed, and those of which nobody knows. */
  readonly sent: string[] = [];
  readonly begun: string[] = [];
  readonly received: string[] = [];
  /** It received to the end. */
  listened = false;
  info: CloseInfo | undefined;
  cut = false;

  constructor(name: string) {
    this.name = name;
  }
}

/** A socket in the hands of a script that is drawn. */
function* act(world: World, socket: WebSocket, side: Side, closes: boolean): Coroutine<void> {
  const many = world.integer(0, 6, `${side.name} messages`);
  const hurry = world.pick([0, 1, 20], `${side.name} pace`);
  const cancels = world.chance(0.3, `${side.name} cancels`);
  const inParts = world.chance(0.2, `${side.name} parts`);
  const aborts = world.chance(0.15, `${side.name} aborts`);
  yield* group(function* (g) {
    g.spawn(() => listen(world, socket, side));
    g.spawn(() => quietly(() => talk(world, socket, side, many, hurry, cancels, inParts)));
    if (world.chance(0.3, `${side.name} pings`))
      g.spawn(() => quietly(() => moveOnAfter(50, () => socket.ping()) as never));
    if (closes) {
      yield* sleep(world.integer(0, 60, `${side.name} closes at`));
      if (aborts) {
        side.cut = true;
        socket.abort();
      } else side.info = yield* socket.close(4000 + (side.name === "server" ? 1 : 0), side.name);
    }
  });
  side.info = socket.closed;
}

/** What ends with the socket is no failure here. */
function* quietly(body: () => Coroutine<unknown>): Coroutine<void> {
  try {
    yield* body();
  } catch (error) {
    const name = (error as Error).name;
    if (name !== "WebSocketError" && name !== "ClosedError") throw error;
  }
}

function* talk(
  world: World,
  socket: WebSocket,
  side: Side,
  many: number,
  hurry: number,
  cancels: boolean,
  inParts: boolean,
): Coroutine<void> {
  for (let i = 0; i < many; i++) {
    const message = `${side.name} ${i} ${"x".repeat(world.pick([0, 10, 200, 5000], "size"))}`;
    side.begun.push(message);
    const send = function* (): Coroutine<boolean> {
      if (inParts && i % 2 === 1) yield* socket.sendStream([message.slice(0, 5), message.slice(5)]);
      else yield* socket.send(message);
      side.sent.push(message);
      return true;
    };
    if (cancels && world.chance(0.4, "cancel")) yield* moveOnAfter(world.pick([0, 1, 10], "after"), send);
    else yield* send();
    if (hurry > 0) yield* sleep(world.integer(0, hurry, "pause"));
  }
}

function* listen(world: World, socket: WebSocket, side: Side): Coroutine<void> {
  yield* quietly(function* () {
    for (;;) {
      if (world.chance(0.1, "cancel a receive")) {
        const { timedOut, value } = yield* moveOnAfter(world.pick([0, 1, 5], "patience"), () => socket.receive());
        if (timedOut) continue;
        if (value === undefined) break;
        side.received.push(value as string);
        continue;
      }
      const message = yield* socket.receive();
      if (message === undefined) break;
      side.received.push(message as string);
    }
    side.listened = true;
  });
}

/** What must hold between what one side sent and the other one got. */
function compare(world: World, from: Side, to: Side): void {
  let at = 0;
  for (const message of to.received) {
    const next = from.begun.indexOf(message, at);
    world.always("messages come whole, once and in order", next >= at, `${to.name} got ${message.slice(0, 20)}`);
    at = next + 1;
  }
  if (from.info?.clean === true && to.info?.clean === true && to.listened) {
    const missing = from.sent.filter((message) => !to.received.includes(message));
    world.always("what was sent before a clean end has come", missing.length === 0, missing.join("; ").slice(0, 60));
    world.sometimes("a clean end after messages", from.sent.length > 0);
  }
}

function options(world: World): UpgradeOptions & ConnectWebSocketOptions {
  return {
    closeTimeout: world.pick([2000, 300], "closeTimeout"),
    heartbeat: world.chance(0.5, "heartbeat") ? { every: 40, timeout: 2000 } : false,
    deflate: world.chance(0.5, "deflate") ? { threshold: 0 } : false,
  };
}

/** Runs two sides against each other, each with what it does; gives whether they have met. */
function* between(
  world: World,
  client: (socket: WebSocket, g: Group) => Coroutine<void>,
  server: (socket: WebSocket) => Coroutine<void>,
): Coroutine<boolean> {
  const settings = options(world);
  let met = false;
  world.node("server", () =>
    group(function* () {
      const http = yield* serve({ port: 80, handler: (request) => upgrade(request, server, settings) });
      yield* sleep(20_000);
      http.stop({ within: 1000 });
    }),
  );
  const node = world.node("client", () =>
    group(function* (g) {
      yield* sleep(1);
      let socket: WebSocket;
      try {
        socket = yield* connectWebSocket("ws://server/", { proxy: null, ...settings });
      } catch (error) {
        // The server has cut it before its answer had come.
        if (!(error instanceof BrokenError)) throw error;
        return;
      }
      met = true;
      yield* client(socket, g);
    }),
  );
  yield* node.ended();
  yield* sleep(10_000);
  return met;
}

function* closeRaces(world: World): Coroutine<void> {
  const [client, server] = [new Side("client"), new Side("server")];
  const who = world.pick(["client", "server", "both"], "who closes");
  let over = false;
  const met = yield* between(
    world,
    (socket) => act(world, socket, client, who !== "server"),
    function* (socket) {
      yield* act(world, socket, server, who !== "client");
      over = true;
    },
  );
  if (!met) {
    world.always("only what was cut or given up does not meet", server.cut || server.info?.clean === false);
    return;
  }
  world.always("both come to an end", over && client.info !== undefined && server.info !== undefined);
  compare(world, client, server);
  compare(world, server, client);
  const [one, other] = [client.info as CloseInfo, server.info as CloseInfo];
  if (one.clean && other.clean) {
    const codes = who === "both" ? [4000, 4001] : who === "client" ? [4000] : [4001];
    world.always(
      "a clean end has a code that was given",
      codes.includes(one.code) && codes.includes(other.code),
      `${one.code} ${other.code}`,
    );
    if (who !== "both")
      world.always("both know it by the same code and reason", one.code === other.code && one.reason === other.reason);
    world.sometimes("clean");
    world.sometimes("both at once", who === "both" && one.code !== other.code);
  } else {
    world.sometimes("not clean");
  }
  world.sometimes("cut on purpose", client.cut || server.cut);
}

/** Many sockets at one server, and news to all of them; whoever does not read misses some and spoils nothing. */
function* newsToAll(world: World): Coroutine<void> {
  const sockets = new Set<WebSocket>();
  const many = world.integer(2, 5, "clients");
  const count = world.integer(5, 40, "news");
  const got: number[][] = [];
  let slow = 0;
  world.node("server", () =>
    group(function* (g) {
      const http = yield* serve({
        port: 80,
        handler: (request) =>
          upgrade(
            request,
            function* (socket) {
              sockets.add(socket);
              try {
                yield* socket.untilClosed();
              } finally {
                sockets.delete(socket);
              }
            },
            { closeTimeout: 500_000 },
          ),
      });
      g.spawn(function* () {
        while (sockets.size < many) yield* sleep(5);
        for (let i = 0; i < count; i++) {
          slow += broadcast(sockets, `${i} ${"n".repeat(4000)}`).slow.length;
          yield* sleep(world.pick([0, 1, 10], "pause"));
        }
        // Slow ones take their time.
        http.stop({ within: 600_000 });
      });
      yield* http.ended();
    }),
  );
  const clients = Array.from({ length: many }, (_, i) =>
    world.node(`client${i}`, function* () {
      yield* sleep(1);
      const mine: number[] = [];
      got.push(mine);
      const socket = yield* connectWebSocket("ws://server/", { proxy: null, heartbeat: false });
      const lazy = world.chance(0.3, "lazy");
      for (;;) {
        if (lazy) yield* sleep(100);
        const value = yield* socket.receive();
        if (value === undefined) break;
        mine.push(Number.parseInt(value as string, 10));
        world.always("news are whole", (value as string).endsWith("n".repeat(4000)));
      }
      yield* socket.close();
    }),
  );
  for (const client of clients) yield* client.ended();
  for (const mine of got) {
    world.always(
      "news come in order, and none twice",
      mine.every((n, i) => i === 0 || n > (mine[i - 1] as number)),
    );
    if (slow === 0)
      world.always("whoever keeps up gets everything", mine.length === count, `${mine.length} of ${count}`);
  }
  world.sometimes("somebody was slow", slow > 0);
  world.sometimes("nobody was slow", slow === 0);
}

/** The network between them is cut without a word: the heartbeat finds it out on both sides, in its time. */
function* cutWithoutAWord(world: World): Coroutine<void> {
  const ends: { readonly at: number; readonly code: number | undefined }[] = [];
  const every = 500;
  const timeout = 1000;
  const heartbeat = { every, timeout };
  const wait = function* (socket: WebSocket): Coroutine<void> {
    try {
      while ((yield* socket.receive()) !== undefined);
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      ends.push({ at: world.time, code: error.code });
    }
  };
  const server = world.node("server", () =>
    group(function* () {
      yield* serve({ port: 80, handler: (request) => upgrade(request, wait, { heartbeat, closeTimeout: 100 }) });
    }),
  );
  const client = world.node("client", function* () {
    yield* sleep(1);
    const socket = yield* connectWebSocket("ws://server/", { proxy: null, heartbeat, closeTimeout: 100 });
    const before = now();
    yield* wait(socket);
    world.always("it took no longer than it may", now() - before < 60_000);
  });
  yield* sleep(world.integer(3000, 6000, "cut at"));
  world.network.partition([[server], [client]]);
  const cutAt = world.time;
  yield* client.ended();
  yield* sleep(10_000);
  world.always("both have found it out", ends.length === 2, String(ends.length));
  for (const { at, code } of ends) {
    world.always("as 1006", code === 1006, String(code));
    world.always("in the time of the heartbeat", at - cutAt <= every + timeout + 1000, `${at - cutAt} ms`);
  }
}

export const websockets: Programs = {
  "whoever closes whenever, messages come in order and both sides to one end": closeRaces,
  "news to all sockets come whole and in order, and a slow one spoils nothing": newsToAll,
  "a network that is cut without a word is found out by both sides in time": cutWithoutAWord,
};
