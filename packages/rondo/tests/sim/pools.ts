/** Pools: never more than there may be, none lost, none used by two, all destroyed in the end. */
import {
  BrokenError,
  BusyError,
  ClosedError,
  type Coroutine,
  group,
  moveOnAfter,
  sleep,
  timeout,
  TimeoutError,
} from "../../src/index.ts";
import {
  type ByteStream,
  connect,
  ConnectError,
  type Lease,
  listen,
  type Pool,
  pool,
  PoolClearedError,
  serve,
} from "../../src/net/index.ts";
import type { World } from "../../src/sim/index.ts";
import { type Connection, Ledger } from "../connections.ts";
import { type Actor, actors } from "./actors.ts";
import type { Programs } from "./campaign.ts";

const REFUSED = "Error: refused";
const MINE = "Error: my own";

function expected(error: unknown): boolean {
  return (
    error instanceof TimeoutError ||
    error instanceof BusyError ||
    error instanceof PoolClearedError ||
    String(error) === REFUSED ||
    String(error) === MINE
  );
}

function* connections(world: World): Coroutine<void> {
  const ledger = new Ledger();
  const max = world.integer(1, 4, "max");
  const maxConnecting = world.integer(1, 3, "at once");
  const min = world.integer(0, Math.min(2, max), "min");
  const checked = world.chance(0.5);
  const refuses = world.pick([Infinity, 1, 2, 5], "refuses");
  const breaks = world.pick([Infinity, 2, 5], "breaks");
  ledger.connectTime = world.choose(5, "connect");
  ledger.destroyTime = world.choose(5, "destroy");
  ledger.checkTime = world.choose(4, "check");
  let interrupted = false;
  let connects = 0;
  let checks = 0;
  ledger.fails = () => ++connects % refuses === 0;

  let cleared = { at: -1, made: 0 };

  function* use(connection: Connection, actor: Actor): Coroutine<void> {
    ledger.begin(connection);
    // Whoever was given one in the moment of a clear has it; nobody else gets one that was made before.
    const fresh = connection.id > cleared.made || world.time === cleared.at;
    world.always("what was made before a clear is lent no more", fresh, `${connection.id}`);
    try {
      yield* actor.pause(2);
    } finally {
      ledger.end(connection);
    }
  }

  yield* group(function* () {
    const p: Pool<Connection> = yield* pool<Connection>({
      create: () => ledger.connect(),
      destroy: (connection) => ledger.destroy(connection),
      ...(checked
        ? {
            *check(connection: Connection) {
              connection.good = ++checks % breaks !== 0;
              return yield* ledger.check(connection);
            },
          }
        : {}),
      max,
      min,
      maxConnecting,
      idle: world.pick([Infinity, 1, 3, 10], "idle"),
      maxLifetime: world.pick([Infinity, 2, 20], "lifetime"),
      waitTimeout: world.pick([Infinity, 1, 3, 10], "wait"),
      maxWaiting: world.pick([Infinity, 0, 1, 3], "waiting"),
      checkAfter: world.pick([0, 2], "check after"),
    });
    world.always("never more than there may be", () => {
      const now = p.statistics();
      if (ledger.live > now.total) return "more live than the pool knows of";
      return now.total <= max && ledger.connecting <= maxConnecting;
    });
    world.always("nobody does what he must not with a connection", () => {
      // With an interruption a connection ends under whoever has it, also if that one has not been told yet that he has.
      const complaints = ledger.complaints.filter((text) => !interrupted || !text.endsWith("was lent after its end"));
      return complaints.length === 0 || complaints.join("; ");
    });
    yield* actors(
      world,
      function* (actor): Coroutine<void> {
        const what = world.choose(8, "what");
        try {
          if (what === 7) {
            cleared = { at: world.time, made: ledger.made.length };
            const interrupt = world.chance(0.2);
            interrupted ||= interrupt;
            p.clear(undefined, { pause: world.chance(0.3), interrupt });
            yield* sleep(actor.patience());
            p.ready();
            return;
          }
          if (what >= 5) {
            yield* moveOnAfter(actor.patience(), () =>
              p.with(function* (connection) {
                yield* use(connection, actor);
                if (what === 6) throw new Error("my own");
              }),
            );
            return;
          }
          const got = yield* actor.within(() => taking(p));
          if (got === undefined) return;
          const lease = got.value;
          try {
            yield* use(lease.connection, actor);
          } finally {
            if (what === 4) lease.broken();
            else if (what === 3) lease.suspect();
            else lease.release();
          }
        } catch (error) {
          if (!expected(error)) throw error;
        }
      },
      {
        atRest() {
          const now = p.statistics();
          if (now.state !== "ready" || refuses !== Infinity) return;
          world.always("whoever waits gets one", now.waiters === 0, `${now.waiters} wait, ${now.idle} are idle`);
        },
      },
    );
    p.ready();
    world.always("nobody has one, and nobody waits", p.statistics().lent === 0 && p.statistics().waiters === 0);
  });
  world.always("no connection is left alive", ledger.live === 0, `${ledger.live}`);
  world.always(
    "all are destroyed",
    ledger.made.every(({ open }) => !open),
  );
  world.always("no more than max at any time", ledger.most <= max && ledger.mostConnecting <= maxConnecting);
}

/** What was lent in the moment in which its taker gave up goes back by itself. */
function* taking(p: Pool<Connection>): Coroutine<Lease<Connection>> {
  return yield* p.acquire();
}

/** Connections to a server that crashes and comes back: the pool recovers, and in the end nothing is left open on any computer. */
function* overNetwork(world: World): Coroutine<void> {
  const max = world.integer(1, 3, "max");
  let open = 0;
  const server = world.node("server", function* () {
    open = 0; // whatever an earlier life had is gone
    yield* serve(yield* listen({ host: "0.0.0.0", port: 80 }), function* (stream) {
      open++;
      try {
        for (let bytes = yield* stream.read(); bytes !== undefined; bytes = yield* stream.read()) {
          yield* sleep(world.choose(5, "works"));
          yield* stream.write(bytes);
        }
      } finally {
        open--;
      }
    });
  });
  // Impatient where the troubles of the network allow it, and else not.
  const patience = world.pick([3000, 10_000], "patience");
  let late = 0;
  let calm = false;
  const client = world.node("client", () =>
    group(function* () {
      yield* sleep(1);
      const p = yield* pool<ByteStream>({
        create: () => connect({ host: "server", port: 80, timeout: patience }),
        destroy: (stream) => stream.close(),
        *check(stream) {
          return (yield* moveOnAfter(patience, ping(stream))).value === true;
        },
        checkAfter: 10,
        max,
        destroyTimeout: patience,
        waitTimeout: 2 * patience,
      });
      const asking = function* (tries: number): Coroutine<void> {
        for (let n = tries; n > 0; n--) {
          try {
            yield* timeout(4 * patience, () => p.with((stream) => ping(stream)));
            if (calm) late++;
          } catch (error) {
            if (!(error instanceof BrokenError || error instanceof ConnectError || expected(error))) throw error;
            world.sometimes("the pool has no answer");
          }
          yield* sleep(world.choose(20, "pause"));
        }
      };
      yield* group(function* (g) {
        for (let n = world.integer(1, 5, "users"); n > 0; n--) g.spawn(asking(world.integer(1, 6, "asks")));
      });
      // Once the faults are over a pool that has recovered answers.
      while (late === 0) yield* asking(1);
      const { total, lent } = p.statistics();
      world.always("all are back, and no more than there may be", lent === 0 && total <= max);
    }),
  );
  yield* group(function* (g) {
    g.spawn(
      function* () {
        while (world.time < 500) {
          yield* sleep(world.integer(10, 100, "quiet"));
          if (world.chance(0.5)) {
            server.crash();
            yield* sleep(world.choose(60, "down"));
            server.restart();
          } else {
            world.network.cut(client, server, { oneWay: world.chance(0.5) });
            yield* sleep(world.choose(150, "cut"));
            world.network.heal(client, server);
          }
        }
        calm = true;
        const progress = () => late > 0 || "the pool has not recovered";
        yield* world.liveness({ core: [client, server], within: 120_000, progress });
      },
      { name: "troubles" },
    );
    yield* client.ended();
  });
  // The end of a connection may be on its way still.
  yield* sleep(120_000);
  world.always("nothing is left open at the server", open === 0, `${open}`);
}

function* ping(stream: ByteStream): Coroutine<boolean> {
  yield* stream.write("ping");
  const got = yield* stream.readExactly(4);
  if (got === undefined) throw new ClosedError("the server has closed the connection");
  return true;
}

export const pools: Programs = {
  "pool(): never more than max, none lost, none used by two, all destroyed": connections,
  "pool(): over a network, it recovers from a server that crashes": overNetwork,
};
