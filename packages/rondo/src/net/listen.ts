/**
 * Listening: a socket that gives a stream for each connection.
 *
 * A connection that nobody accepts yet waits in a queue of the listener's own, unread, up to `backlog` of them; then the
 * network is asked to hold new ones back. Where it cannot (Node takes every connection out of the system's queue at once)
 * it closes what comes, and that is counted. So what a server holds is bounded, whoever knocks.
 */
import { BrokenError, ClosedError } from "../coroutine/errors.ts";
import { type Coroutine, defineKind, grant, LateError, refuse, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Loop } from "../loop/loop.ts";
import { currentLoop, loopOf } from "../loop/sleep.ts";
import { Ring } from "../sync/ring.ts";
import { suspend } from "../task/suspend.ts";
import { checkPort, familyOf, shownEndpoint } from "./address.ts";
import { discard, lookedUp, withdrawing } from "./connect.ts";
import { fromSystemError, SystemError } from "./errors.ts";
import {
  type Endpoint,
  type ListenerSink,
  type ListeningDoor,
  type ListenOptions,
  networkOf,
  type ResolvedAddress,
} from "./network.ts";
import { ByteStream } from "./stream.ts";
import type { Address, Transport } from "./transport.ts";

/** As in Node, which takes it from the systems it runs on. */
const BACKLOG = 511;

/** Where to listen, and how. */
export interface ListenAt {
  /** An IP address of this machine, or a name for one. Without it: all addresses, IPv6 and IPv4. */
  readonly host?: string | undefined;
  /** 0 for any that is free; `listener.address.port` says which. */
  readonly port: number;
  /** How many connections may wait to be accepted, in the system's queue and in the listener's. Default 511. */
  readonly backlog?: number | undefined;
  /** Several sockets, also of other processes, may listen to the port; the system shares the connections out. */
  readonly reusePort?: boolean | undefined;
  /** No IPv4 on `::`. */
  readonly ipv6Only?: boolean | undefined;
}

/** How to listen at a path. */
export interface ListenUnixOptions {
  /** How many connections may wait to be accepted, in the system's queue and in the listener's. Default 511. */
  readonly backlog?: number | undefined;
  /** Remove a socket file that is there already, if nobody listens to it. Default false: then that is an error that says so. */
  readonly replaceStale?: boolean | undefined;
}

/** What a listener tells about itself. */
export interface ListenerStatistics {
  /** Connections that were given out by `accept()`. */
  readonly accepted: number;
  /**
   * Connections that came and were closed unserved, as far as the network saw them: above the backlog, out of descriptors,
   * or still waiting when the listener was closed.
   */
  readonly dropped: number;
  /** Connections that wait to be accepted. */
  readonly waiting: number;
  /** Tasks that wait to accept one. */
  readonly accepting: number;
}

const ACCEPT = defineKind({
  label: "accept",
  poll: (wait) => (wait.on as Listener).takeInto(wait),
  begin(wait) {
    loopOf(wait).outside++;
    (wait.on as Listener).acceptors.push(wait);
  },
  abort(wait) {
    (wait.on as Listener).acceptors.remove(wait);
    loopOf(wait).outside--;
    return true;
  },
  labelOf: (wait) => `accept on ${(wait.on as Listener).label}`,
});

/**
 * A listening socket. Get one from {@link listen} or {@link listenUnix}, and close it: by {@link serve}, by `use()`, or by
 * hand.
 */
export class Listener implements ListenerSink {
  /** What a person reads: `tcp 127.0.0.1:80`, `unix /run/service`. */
  label: string;
  /** @internal */
  readonly acceptors: WaitQueue;
  private readonly ready: Ring<Transport>;
  private readonly backlog: number;
  private door: ListeningDoor | null;
  private held: boolean;
  private end: Error | "closed" | null;
  private acceptedCount: number;
  private droppedCount: number;
  private where: Address | undefined;

  /** @internal */
  constructor(label: string, backlog: number) {
    this.label = label;
    this.acceptors = new WaitQueue();
    this.ready = new Ring<Transport>();
    this.backlog = backlog;
    this.door = null;
    this.held = false;
    this.end = null;
    this.acceptedCount = 0;
    this.droppedCount = 0;
    this.where = undefined;
  }

  /** Where it listens, with the port that the system has chosen where 0 was asked for. */
  get address(): Address {
    return this.where as Address;
  }

  /**
   * Waits for a connection. Cancelled, it loses none: the next one to accept gets it. A switch point only when it must
   * wait. Throws a `ClosedError` where the listener is closed, also while it waits.
   */
  accept(): Wait<ByteStream> {
    return new Wait<ByteStream>(ACCEPT, this, undefined);
  }

  /**
   * Stops listening and gives the descriptor back. Those who wait for a connection get a `ClosedError`; connections that
   * nobody has accepted are reset; streams that were accepted go on. A second close does nothing. Not a switch point.
   */
  close(): void {
    if (this.end !== null) return;
    this.finish("closed");
    this.door?.close();
  }

  /** For `using` and `use()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  statistics(): ListenerStatistics {
    return {
      accepted: this.acceptedCount,
      dropped: this.droppedCount,
      waiting: this.ready.length,
      accepting: this.acceptors.length,
    };
  }

  // ---- what waits ask -----------------------------------------------------------------------------------------------

  /** @internal */
  takeInto(wait: Wait): boolean {
    if (this.ready.length > 0) {
      wait.value = this.given(this.ready.shift() as Transport);
      // Not at the first free place: a door that opens and shuts for each connection is of no use.
      if (this.held && this.ready.length <= this.backlog >> 1) {
        this.held = false;
        this.door?.resume();
      }
      return true;
    }
    if (this.end !== null) throw this.ended();
    return false;
  }

  private given(transport: Transport): ByteStream {
    this.acceptedCount++;
    return new ByteStream(transport);
  }

  private ended(): Error {
    if (this.end instanceof Error) return new BrokenError(this.end.message, { cause: this.end });
    return new ClosedError(`the listener ${this.label} is closed: it accepts no more connections`);
  }

  // ---- what the network says ----------------------------------------------------------------------------------------

  /** @internal */
  opened(door: ListeningDoor): void {
    this.door = door;
    const { address } = door;
    this.where = address;
    // With the port that the system has chosen.
    if (address.family !== "unix") this.label = `tcp ${shownEndpoint(address)}`;
  }

  /** @internal */
  accepted(transport: Transport): void {
    const wait = this.acceptors.shift();
    if (wait !== null) {
      const loop = (wait.waiter as Waiter).loop as Loop;
      const mine = loop.enter();
      loop.outside--;
      grant(wait, this.given(transport));
      if (mine) loop.leave();
      return;
    }
    if (this.end !== null || this.ready.length >= this.backlog) {
      this.droppedCount++;
      discard(transport);
      return;
    }
    this.ready.push(transport);
    if (this.ready.length < this.backlog || this.held) return;
    this.held = true;
    this.door?.pause();
  }

  /** @internal */
  dropped(count: number): void {
    this.droppedCount += count;
  }

  /** @internal */
  closed(error: Error | null): void {
    if (this.end === null) this.finish(error ?? new BrokenError(`the listener ${this.label} was closed by the system`));
  }

  private finish(end: Error | "closed"): void {
    this.end = end;
    this.droppedCount += this.ready.length;
    for (const transport of this.ready.clear()) discard(transport);
    for (let wait = this.acceptors.shift(); wait !== null; wait = this.acceptors.shift()) {
      loopOf(wait).outside--;
      refuse(wait, new LateError(() => this.ended()));
    }
  }
}

/**
 * Listens to a TCP port. A switch point. Throws a {@link SystemError} with the system's `code`: `EADDRINUSE` where somebody
 * listens there, `EACCES`, `EADDRNOTAVAIL` for an address that this machine does not have.
 *
 * On Node a process that has no descriptors left loses connections without a word: the system layer takes and closes them,
 * and no counter sees it. Stay below the limit (`ulimit -n`) by the `maxConnections` of {@link serve}.
 *
 * @example
 * ```ts
 * import { group, run, use } from "rondo";
 * import { connect, listen } from "rondo/net";
 *
 * await run(() =>
 *   group(function* (g) {
 *     const listener = use(yield* listen({ host: "127.0.0.1", port: 0 }));
 *     g.spawn(function* () {
 *       const stream = use(yield* listener.accept());
 *       yield* stream.write("welcome");
 *     });
 *     const stream = use(yield* connect({ host: "127.0.0.1", port: listener.address.port }));
 *     console.log(String(Buffer.from((yield* stream.read()) ?? []))); // prints: welcome
 *   }),
 * );
 * ```
 */
export function* listen(at: ListenAt): Coroutine<Listener> {
  const { host = "", port, backlog } = at;
  checkPort(port, "listen()");
  checkBacklog(backlog);
  const network = networkOf(currentLoop("listen()").host);
  let address = host;
  if (host !== "" && familyOf(host) === undefined) {
    try {
      address = ((yield* lookedUp(network, host))[0] as ResolvedAddress).address;
    } catch (error) {
      throw fromSystemError(error, `listen on ${shownEndpoint({ host, port })}`);
    }
  }
  return yield* opened({ host: address, port }, at, `tcp ${shownEndpoint({ host: address, port })}`);
}

/**
 * Listens at the path of a Unix socket, or on Linux at an abstract one (a path that begins with a zero byte). A switch
 * point.
 *
 * The file is removed at the end, if it is still the one that was made here and not that of a server that came later. One
 * that is there already is an error: a {@link SystemError} with the code `EADDRINUSE`, which says whether anybody listens
 * there or the file was left behind; `replaceStale` removes one that was.
 *
 * @example
 * ```ts
 * import { mkdtemp, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { run, use } from "rondo";
 * import { connectUnix, listenUnix } from "rondo/net";
 *
 * const folder = await mkdtemp(join(tmpdir(), "rondo-"));
 * await run(function* () {
 *   const listener = use(yield* listenUnix(join(folder, "service")));
 *   const client = use(yield* connectUnix(listener.address.host));
 *   const server = use(yield* listener.accept());
 *   yield* server.write("here\n");
 *   console.log(yield* client.lines().next()); // prints: here
 * });
 * await rm(folder, { recursive: true });
 * ```
 */
export function* listenUnix(path: string, options: ListenUnixOptions = {}): Coroutine<Listener> {
  if (typeof path !== "string" || path === "") throw new TypeError("listenUnix() takes a path");
  checkBacklog(options.backlog);
  return yield* opened({ path }, options, `unix ${shownEndpoint({ path })}`);
}

function* opened(at: Endpoint, options: ListenOptions, label: string): Coroutine<Listener> {
  const network = networkOf(currentLoop("listen()").host);
  const backlog = options.backlog ?? BACKLOG;
  const listener = new Listener(label, backlog);
  yield* suspend<void>(
    (wake, fail) =>
      withdrawing(
        network.listen(at, { ...options, backlog }, listener, (error, door) => {
          if (door === null) {
            fail(new LateError(() => refused(error, label)));
            return;
          }
          listener.opened(door);
          wake();
        }),
      ),
    `listen on ${label}`,
  );
  return listener;
}

function refused(error: Error | null, label: string): Error {
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException;
  // Node's own words for a path that is taken say more than the code does.
  if (code === "EADDRINUSE" && label.startsWith("unix"))
    return new SystemError(`listen on ${label}: ${message}`, code, { cause: error });
  return fromSystemError(error, `listen on ${label}`);
}

function checkBacklog(backlog: unknown): void {
  if (backlog === undefined || (typeof backlog === "number" && Number.isInteger(backlog) && backlog > 0)) return;
  throw new RangeError(`backlog is a number of connections, 1 or more, not ${String(backlog)}`);
}
