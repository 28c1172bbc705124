/**
 * As many processes as cores, on one port. It needs Node: processes that share a port are `node:cluster`'s, and nothing else
 * here does more with them than to start, watch and end them.
 *
 * One program is both: the first process, which only watches, and its workers, which run `worker` and nothing else of it. A
 * worker that dies is replaced, after a pause that grows while it dies young; one that is to end is asked to (`SIGTERM`),
 * stops as every group stops, and is ended when its time is over. So a rolling deploy is: start the new program, send
 * `SIGTERM` to the old one; and `SIGHUP` replaces the workers one after the other, each when the new one listens.
 */
import nodeCluster, { type Worker } from "node:cluster";
import { availableParallelism } from "node:os";
import {
  Channel,
  type Coroutine,
  type Flow,
  Gate,
  group,
  type Group,
  moveOnAfter,
  now,
  type Operation,
  sleep,
  stopping,
  suspend,
} from "rondo";
import { signals } from "rondo/os";

/** What happens to workers; `index` counts them from 0, and stays the same when one is replaced. */
export type ClusterEvent =
  | { readonly type: "started"; readonly index: number; readonly pid: number }
  | { readonly type: "listening"; readonly index: number; readonly pid: number }
  /** Ended by itself, though nobody had asked for it: another one is started in `pause` ms. */
  | {
      readonly type: "died";
      readonly index: number;
      readonly pid: number;
      readonly status: number | string;
      readonly pause: number;
    }
  | { readonly type: "ended"; readonly index: number; readonly pid: number; readonly status: number | string }
  /** Did not end in its time. */
  | { readonly type: "killed"; readonly index: number; readonly pid: number };

/** How many workers there are, and how they end. */
export interface ClusterOptions {
  /** As many as the machine has cores, where nothing is said. */
  readonly workers?: number | undefined;
  /** How long a worker may take to stop, in ms; 10 s where nothing is said. */
  readonly within?: number | undefined;
  readonly onEvent?: ((event: ClusterEvent) => unknown) | undefined;
}

/** What a worker is told of itself. */
export interface ClusterWorker {
  /** From 0. */
  readonly index: number;
  readonly pid: number;
}

const WITHIN = 10_000;
/** A worker that has lived so long had nothing wrong with its beginning. */
const GROWN = 10_000;
/** The pause before a worker is replaced that has died young; it doubles each time. */
const SHORTEST = 100;
const LONGEST = 30_000;
const INDEX = "RONDO_CLUSTER_WORKER";

/**
 * Runs `worker` in so many processes, which share the ports that they listen to. In the first process it watches them until
 * `SIGTERM`, Ctrl-C or the end of its group; in a worker it runs `worker` in a group, which is asked to stop when the first
 * process says so, or is gone. A switch point.
 *
 * Whatever stands before the call in the program runs in every process. Sockets are handed out in turns
 * (`NODE_CLUSTER_SCHED_POLICY` chooses otherwise).
 *
 * @example
 * ```ts
 * import { cluster, serve, text } from "@rondo/http";
 * import { run } from "rondo";
 *
 * if (process.env["PORT"] === undefined) console.log("PORT says where to serve"); // prints: PORT says where to serve
 * else {
 *   await run(() =>
 *     cluster({ within: 5000 }, function* ({ index }) {
 *       yield* serve({ port: Number(process.env["PORT"]), handler: () => text(`hello from worker ${index}`) });
 *     }),
 *   );
 * }
 * ```
 */
export function cluster(options: ClusterOptions, worker: (self: ClusterWorker) => Operation<unknown>): Operation<void> {
  const { workers = availableParallelism(), within = WITHIN } = options;
  if (!(Number.isInteger(workers) && workers >= 1))
    throw new RangeError(`a cluster has 1 worker or more, not ${String(workers)}`);
  if (nodeCluster.isWorker) return work(worker, within);
  return new Primary(workers, within, options.onEvent ?? (() => {})).watch();
}

// ---- in a worker ----------------------------------------------------------------------------------------------------

function* work(worker: (self: ClusterWorker) => Operation<unknown>, within: number): Coroutine<void> {
  const self: ClusterWorker = { index: Number(process.env[INDEX] ?? 0), pid: process.pid };
  // Node would end it at once when the first process is gone, in the middle of whatever it does.
  (nodeCluster.worker as Worker).exitedAfterDisconnect = true;
  yield* group(
    function* (g) {
      g.spawn(() => obey(g, within), { daemon: true, name: "signals" });
      g.spawn(
        function* () {
          yield* orphaned();
          g.stop({ within });
        },
        { daemon: true, name: "first process" },
      );
      yield* worker(self);
    },
    { name: `worker ${self.index}` },
  );
  yield* takeLeave();
}

/**
 * Parts from the first process, which would keep this one alive. Not at once: sockets may be on their way from there that were
 * given away before this side had stopped listening, and have to be sent back to be given to somebody else.
 */
function takeLeave(): Operation<void> {
  return suspend<void>((wake) => {
    if (!process.connected) {
      wake();
      return;
    }
    process.once("disconnect", () => wake());
    (nodeCluster.worker as Worker).disconnect();
  }, "first process");
}

function* obey(g: Group, within: number): Coroutine<void> {
  // Ctrl-C reaches all processes of a terminal: what becomes of it the first one decides.
  const told = signals("SIGTERM", "SIGINT", "SIGHUP");
  while ((yield* told.next()) !== "SIGTERM");
  g.stop({ within });
}

/** Waits until the first process is gone. */
function orphaned(): Operation<void> {
  return suspend<void>((wake) => {
    if (!process.connected) {
      wake();
      return undefined;
    }
    const gone = (): void => wake();
    process.once("disconnect", gone);
    return () => {
      process.off("disconnect", gone);
      return true;
    };
  }, "first process");
}

// ---- in the first process -------------------------------------------------------------------------------------------

/** A process that was started, as it is waited for. */
class Started {
  readonly worker: Worker;
  readonly pid: number;
  readonly born: number;
  readonly listening: Gate;
  readonly ended: Gate;
  status: number | string;

  constructor(index: number, onEvent: (event: ClusterEvent) => unknown) {
    this.worker = nodeCluster.fork({ [INDEX]: String(index) });
    this.pid = this.worker.process.pid ?? -1;
    this.born = now();
    this.listening = new Gate();
    this.ended = new Gate();
    this.status = "unknown";
    this.worker.once("listening", () => {
      this.listening.open();
      onEvent({ type: "listening", index, pid: this.pid });
    });
    // `error`: it could not be started, or not be spoken to; `exit` follows, or has come.
    this.worker.on("error", () => {});
    this.worker.once("exit", (code, signal) => this.end(signal ?? code));
    onEvent({ type: "started", index, pid: this.pid });
  }

  private end(status: number | string): void {
    this.status = status;
    this.ended.open();
    this.listening.open(); // nobody waits for what does not come
  }

  kill(signal: NodeJS.Signals): void {
    this.worker.process.kill(signal);
  }
}

class Primary {
  private readonly count: number;
  private readonly within: number;
  private readonly onEvent: (event: ClusterEvent) => unknown;
  /** Who serves now, by place. */
  private readonly current: (Started | undefined)[];

  constructor(count: number, within: number, onEvent: (event: ClusterEvent) => unknown) {
    this.count = count;
    this.within = within;
    this.onEvent = onEvent;
    this.current = Array.from({ length: count }, () => undefined);
  }

  *watch(): Coroutine<void> {
    const told = signals("SIGTERM", "SIGINT", "SIGHUP");
    const replacing = new Channel<true>(1);
    yield* group(
      function* (this: Primary, g: Group): Coroutine<void> {
        const keepers = Array.from({ length: this.count }, (_, index) =>
          g.spawn(() => this.keep(index), { daemon: true, name: `worker ${index}` }),
        );
        g.spawn(() => this.replaceAll(replacing), { daemon: true, name: "replacing" });
        const signal = g.spawn(() => listen(told, () => void replacing.trySend(true)), { daemon: true });
        try {
          yield* group(function* (inner) {
            // Whichever comes first: somebody says so, or the group around is to stop.
            inner.spawn(
              function* () {
                yield* stopping();
                inner.cancel();
              },
              { daemon: true },
            );
            yield* signal;
          });
        } finally {
          for (const keeper of keepers) keeper.cancel("the cluster stops");
          yield* this.endAll();
        }
      }.bind(this),
      { name: "cluster" },
    );
  }

  /** Keeps one place filled. */
  private *keep(index: number): Coroutine<void> {
    let failures = 0;
    for (;;) {
      const started = (this.current[index] ??= new Started(index, this.onEvent));
      yield* started.ended.wait();
      // It was replaced: the new one is there already.
      if (this.current[index] !== started) continue;
      this.current[index] = undefined;
      failures = now() - started.born > GROWN ? 1 : failures + 1;
      const pause = Math.min(LONGEST, SHORTEST * 2 ** (failures - 1));
      this.onEvent({ type: "died", index, pid: started.pid, status: started.status, pause });
      yield* sleep(pause);
    }
  }

  /** For each `SIGHUP`: a new worker for each place, and when it listens the old one is asked to end. */
  private *replaceAll(orders: Channel<true>): Coroutine<void> {
    for (;;) {
      yield* orders.receive();
      for (let index = 0; index < this.count; index++) {
        const old = this.current[index];
        if (old === undefined) continue;
        const next = new Started(index, this.onEvent);
        yield* next.listening.wait();
        if (next.ended.isOpen) continue; // it could not even begin: the old one stays
        this.current[index] = next;
        yield* this.end(index, old);
      }
    }
  }

  private *endAll(): Coroutine<void> {
    yield* group(
      function* (this: Primary, g: Group): Coroutine<void> {
        this.current.forEach((one, index) => {
          if (one !== undefined) g.spawn(() => this.end(index, one));
        });
      }.bind(this),
    );
  }

  /** Asks one to end, and sees to it. */
  private *end(index: number, started: Started): Coroutine<void> {
    started.kill("SIGTERM");
    // A little more than it has itself, so that it can say what it has cancelled.
    const { timedOut } = yield* moveOnAfter(this.within + 1000, started.ended.wait());
    if (timedOut) {
      started.kill("SIGKILL");
      this.onEvent({ type: "killed", index, pid: started.pid });
      yield* started.ended.wait();
    }
    this.onEvent({ type: "ended", index, pid: started.pid, status: started.status });
  }
}

/** Until somebody wants the end; others want new workers. */
function* listen(told: Flow<NodeJS.Signals>, replace: () => void): Coroutine<void> {
  while ((yield* told.next()) === "SIGHUP") replace();
}
