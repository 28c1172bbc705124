/**
 * Datagrams: messages that arrive whole, twice, in another order, or not at all.
 *
 * Nothing holds a sender back, so what comes faster than it is received has to be dropped somewhere. Here that is a queue
 * with a bound: what does not fit is dropped and counted, as the system does with its own queue, only that there nobody
 * sees the count.
 */
import { BrokenError, ClosedError } from "../coroutine/errors.ts";
import { type Coroutine, defineKind, grant, LateError, PARKED, refuse, Wait, type Waiter } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import type { Loop } from "../loop/loop.ts";
import { currentLoop, loopOf } from "../loop/sleep.ts";
import { Ring } from "../sync/ring.ts";
import { suspend } from "../task/suspend.ts";
import { checkPort, familyOf, shownEndpoint } from "./address.ts";
import { lookedUp, withdrawing } from "./connect.ts";
import { fromSystemError } from "./errors.ts";
import { type Datagram, type DatagramDoor, type DatagramSink, networkOf, type ResolvedAddress } from "./network.ts";
import type { Address } from "./transport.ts";

/** How many datagrams wait to be received, at most, where nothing else is said. */
const QUEUE = 1024;

/** Where a datagram goes to: an IP address and a port. */
export interface DatagramTarget {
  readonly host: string;
  readonly port: number;
}

/** How to open a socket for datagrams. */
export interface UdpOptions {
  /** The address and port to be reached at. Without it: IPv4, all addresses, a port that is free. */
  readonly bind?: { readonly host?: string | undefined; readonly port?: number | undefined } | undefined;
  /** Others may bind to the same port: for multicast. */
  readonly reuseAddress?: boolean | undefined;
  /** How many datagrams may wait to be received; further ones are dropped and counted. Default 1024. */
  readonly queue?: number | undefined;
}

/** What can be set. A property that is left out stays as it is. */
export type UdpSettings = Parameters<DatagramDoor["configure"]>[0];

/** What a socket for datagrams tells about itself. */
export interface UdpStatistics {
  readonly received: number;
  /** Came, and found the queue full. What the system dropped before is not in it. */
  readonly dropped: number;
  readonly sent: number;
  /** Datagrams that wait to be received. */
  readonly waiting: number;
  /** Tasks that wait for one. */
  readonly receiving: number;
}

const RECEIVE = defineKind({
  label: "receive",
  poll: (wait) => (wait.on as UdpSocket).takeInto(wait),
  begin(wait) {
    loopOf(wait).outside++;
    (wait.on as UdpSocket).receivers.push(wait);
  },
  abort(wait) {
    (wait.on as UdpSocket).receivers.remove(wait);
    loopOf(wait).outside--;
    return true;
  },
  labelOf: (wait) => `receive on ${(wait.on as UdpSocket).label}`,
});

/** What a send needs to know. */
interface Sending {
  readonly data: Uint8Array;
  readonly to: Address | undefined;
}

const SEND = defineKind({
  label: "send",
  begin(wait) {
    const socket = wait.on as UdpSocket;
    const { data, to } = wait.arg as Sending;
    const door = socket.opened();
    const loop = loopOf(wait);
    door.send(data, to, (error) => {
      loop.outside--;
      if (wait.state !== PARKED) return;
      const mine = loop.enter();
      if (error === null) {
        socket.sentCount++;
        grant(wait, undefined);
      } else refuse(wait, new LateError(() => fromSystemError(error, socket.towards(to))));
      if (mine) loop.leave();
    });
    // Only now: what cannot even be begun is thrown from there. The answer never comes inside the call.
    loop.outside++;
  },
  // It is on its way.
  abort: () => false,
  labelOf: (wait) => `send on ${(wait.on as UdpSocket).label}`,
});

/** A socket for datagrams. Get one from {@link udp}, and close it, by hand or by `use()`. */
export class UdpSocket implements DatagramSink {
  /** Where it is bound to. */
  readonly address: Address;
  /** What a person reads: `udp 127.0.0.1:5353`. */
  readonly label: string;
  /** @internal */
  readonly receivers: WaitQueue;
  /** @internal */
  sentCount: number;
  private readonly door: DatagramDoor;
  private readonly queue: Ring<Datagram>;
  private readonly limit: number;
  private peer: Address | undefined;
  private shut: boolean;
  /** What the system has told and nobody has heard yet. */
  private trouble: Error | null;
  private receivedCount: number;
  private droppedCount: number;

  /** @internal */
  constructor(door: DatagramDoor, limit: number) {
    this.address = door.address;
    this.label = `udp ${shownEndpoint(door.address)}`;
    this.receivers = new WaitQueue();
    this.sentCount = 0;
    this.door = door;
    this.queue = new Ring<Datagram>();
    this.limit = limit;
    this.peer = undefined;
    this.shut = false;
    this.trouble = null;
    this.receivedCount = 0;
    this.droppedCount = 0;
  }

  /** Where it is connected to. */
  get remoteAddress(): Address | undefined {
    return this.peer;
  }

  /**
   * Sends one datagram, to an address or to the peer that the socket is connected to. Completes when the system has taken
   * it, which says nothing of whether it arrives. A switch point. It cannot be cancelled half way: it waits for that.
   *
   * Throws a `SystemError`: `EMSGSIZE` where it is longer than a datagram can be, `EACCES` for a broadcast that was not
   * allowed by `configure`, `ENETUNREACH`, …; a `TypeError` where the host is a name (resolve it first).
   */
  send(data: Uint8Array | string, to?: DatagramTarget): Wait<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    if (!(bytes instanceof Uint8Array)) throw new TypeError(`send() takes bytes or a string, not ${String(data)}`);
    if (to === undefined && this.peer === undefined)
      throw new TypeError(`send() needs to know where to: ${this.label} is not connected to anybody`);
    if (to !== undefined && this.peer !== undefined)
      throw new TypeError(`${this.label} is connected to ${shownEndpoint(this.peer)}: send() takes no other address`);
    return new Wait<void>(SEND, this, { data: bytes, to: to === undefined ? undefined : target(to) });
  }

  /**
   * Waits for a datagram: `{ data, from }`. A switch point only when it must wait. Cancelled, it loses none.
   *
   * Throws a `ClosedError` where the socket is closed, also while it waits; on a connected socket a `BrokenError` or a
   * `SystemError` where the system was told that nobody is there.
   */
  receive(): Wait<Datagram> {
    return new Wait<Datagram>(RECEIVE, this, undefined);
  }

  /** Sends only to this peer, and receives only from it. A name is resolved. A switch point. */
  *connect(to: DatagramTarget): Coroutine<void> {
    checkPort(to.port, "connect()");
    const host = yield* addressFor(to.host, "connect()");
    const peer = target({ host, port: to.port });
    const door = this.opened();
    if (this.peer !== undefined) this.disconnect();
    yield* suspend<void>((wake, fail) => {
      door.connect(peer, (error) => {
        if (error !== null) {
          fail(new LateError(() => fromSystemError(error, this.towards(peer))));
          return;
        }
        this.peer = peer;
        wake();
      });
      // The system answers at once, and in between nobody could say which it is.
      return () => false;
    }, `connect ${this.label}`);
  }

  /** Sends to and receives from everybody again. Not a switch point. */
  disconnect(): void {
    if (this.peer === undefined) return;
    this.peer = undefined;
    this.opened().disconnect();
  }

  /** Receives what is sent to a multicast group, through the interface with the address `via`. Not a switch point. */
  join(group: string, via?: string): void {
    this.tried(`join ${group}`, (door) => door.join(group, via));
  }

  /** The opposite of `join`. Not a switch point. */
  leave(group: string, via?: string): void {
    this.tried(`leave ${group}`, (door) => door.leave(group, via));
  }

  /**
   * Sets what is named: `broadcast` (may it be sent), `ttl`, `multicastTtl`, `loopback` (whether what it sends to a group
   * comes back to this machine), `multicastInterface` (through which it sends to groups). Not a switch point.
   */
  configure(settings: UdpSettings): void {
    this.tried("configure", (door) => door.configure(settings));
  }

  /**
   * Closes it. Those who wait for a datagram get a `ClosedError`; what waited to be received is dropped. A second close
   * does nothing. Not a switch point.
   */
  close(): void {
    if (this.shut) return;
    this.end();
    this.door.close();
  }

  /** For `using` and `use()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  statistics(): UdpStatistics {
    return {
      received: this.receivedCount,
      dropped: this.droppedCount,
      sent: this.sentCount,
      waiting: this.queue.length,
      receiving: this.receivers.length,
    };
  }

  // ---- what waits ask -----------------------------------------------------------------------------------------------

  /** @internal */
  takeInto(wait: Wait): boolean {
    if (this.queue.length > 0) {
      wait.value = this.queue.shift();
      return true;
    }
    if (this.shut) throw this.closedError();
    if (this.trouble === null) return false;
    const error = this.trouble;
    this.trouble = null;
    throw fromSystemError(error, this.towards(this.peer));
  }

  /** @internal The door, while it is open. */
  opened(): DatagramDoor {
    if (this.shut) throw this.closedError();
    return this.door;
  }

  /** @internal */
  towards(to: Address | undefined): string {
    return to === undefined ? this.label : `${this.label} > ${shownEndpoint(to)}`;
  }

  private tried(what: string, act: (door: DatagramDoor) => void): void {
    const door = this.opened();
    try {
      act(door);
    } catch (error) {
      throw fromSystemError(error, `${what} on ${this.label}`);
    }
  }

  private closedError(): ClosedError {
    return new ClosedError(`${this.label} is closed on this side`);
  }

  // ---- what the network says ----------------------------------------------------------------------------------------

  /** @internal */
  received(datagram: Datagram): void {
    if (this.shut) return;
    this.receivedCount++;
    const wait = this.receivers.shift();
    if (wait !== null) {
      const loop = (wait.waiter as Waiter).loop as Loop;
      const mine = loop.enter();
      loop.outside--;
      grant(wait, datagram);
      if (mine) loop.leave();
    } else if (this.queue.length < this.limit) this.queue.push(datagram);
    else this.droppedCount++;
  }

  /** @internal */
  failed(error: Error): void {
    const wait = this.receivers.shift();
    if (wait === null) {
      this.trouble = error;
      return;
    }
    this.refuse(wait, () => fromSystemError(error, this.towards(this.peer)));
  }

  /** @internal */
  closed(error: Error | null): void {
    if (this.shut) return;
    this.trouble = error ?? new BrokenError(`${this.label} was closed by the system`);
    this.end();
  }

  private end(): void {
    this.shut = true;
    this.queue.clear();
    for (let wait = this.receivers.shift(); wait !== null; wait = this.receivers.shift())
      this.refuse(wait, () => this.closedError());
  }

  private refuse(wait: Wait, build: () => Error): void {
    const loop = loopOf(wait);
    const mine = loop.enter();
    loop.outside--;
    refuse(wait, new LateError(build));
    if (mine) loop.leave();
  }
}

/**
 * Opens a socket for datagrams. A switch point. Throws a `SystemError`: `EADDRINUSE`, `EADDRNOTAVAIL`, ….
 *
 * @example
 * ```ts
 * import { run, use } from "rondo";
 * import { udp } from "rondo/net";
 *
 * await run(function* () {
 *   const server = use(yield* udp({ bind: { host: "127.0.0.1", port: 0 } }));
 *   const client = use(yield* udp({ bind: { host: "127.0.0.1" } }));
 *   yield* client.send("ping", server.address);
 *   const { data, from } = yield* server.receive();
 *   console.log(new TextDecoder().decode(data), from.port === client.address.port); // prints: ping true
 * });
 * ```
 */
export function* udp(options: UdpOptions = {}): Coroutine<UdpSocket> {
  const { bind = {}, reuseAddress, queue = QUEUE } = options;
  const { port = 0 } = bind;
  checkPort(port, "udp()");
  if (queue !== Infinity && !(Number.isInteger(queue) && queue > 0))
    throw new RangeError(`queue is a number of datagrams, 1 or more, not ${String(queue)}`);
  const network = networkOf(currentLoop("udp()").host);
  const host = bind.host === undefined || bind.host === "" ? "" : yield* addressFor(bind.host, "udp()");
  const what = `bind udp ${shownEndpoint({ host, port })}`;
  const opening = new Opening();
  const door = yield* suspend<DatagramDoor>(
    (wake, fail) =>
      withdrawing(
        network.bind({ host, port, reuseAddress }, opening, (error, opened) =>
          opened === null ? fail(new LateError(() => fromSystemError(error, what))) : wake(opened),
        ),
      ),
    what,
  );
  return opening.become(new UdpSocket(door, queue));
}

/** What comes between the binding and the moment at which somebody has the socket. */
class Opening implements DatagramSink {
  private socket: UdpSocket | null = null;
  private readonly early: Datagram[] = [];

  become(socket: UdpSocket): UdpSocket {
    this.socket = socket;
    for (const datagram of this.early) socket.received(datagram);
    this.early.length = 0;
    return socket;
  }

  received(datagram: Datagram): void {
    if (this.socket === null) this.early.push(datagram);
    else this.socket.received(datagram);
  }

  failed(error: Error): void {
    this.socket?.failed(error);
  }

  closed(error: Error | null): void {
    this.socket?.closed(error);
  }
}

function* addressFor(host: string, what: string): Coroutine<string> {
  if (familyOf(host) !== undefined) return host;
  try {
    const addresses = yield* lookedUp(networkOf(currentLoop(what).host), host);
    return (addresses[0] as ResolvedAddress).address;
  } catch (error) {
    throw fromSystemError(error, `resolve ${host}`);
  }
}

function target(to: DatagramTarget): Address {
  checkPort(to.port, "a datagram");
  const family = familyOf(to.host);
  if (family === undefined)
    throw new TypeError(`a datagram goes to an IP address, not to ${String(to.host)}: resolve the name first`);
  return { host: to.host, port: to.port, family: family === 6 ? "IPv6" : "IPv4" };
}
