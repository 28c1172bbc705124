/**
 * How a connection comes about: somebody listens, somebody dials.
 *
 * The three steps of the handshake are three packets, each of which may be lost. The caller knows of the connection after
 * the second, the server after the third; until a server takes them connections wait in the queue of its system, and where
 * that is full a caller hears nothing and tries again (as Linux has it).
 */
import type { Timed } from "../loop/timers.ts";
import type { ListenerSink, ListeningDoor } from "../net/network.ts";
import type { Address, Transport } from "../net/transport.ts";
import type { Link } from "./links.ts";
import { LOST } from "./links.ts";
import type { NetCore } from "./net-core.ts";
import { systemError } from "./net-errors.ts";
import { HELLO } from "./net-run.ts";
import type { System } from "./net-system.ts";
import { TcpEnd } from "./tcp.ts";

/** After so many ms the first attempt is repeated; then the time doubles (RFC 6298, 2.1). */
const FIRST_RETRY = 1000;

/** A socket that listens. */
export class SimDoor implements ListeningDoor {
  readonly address: Address;
  readonly system: System;
  readonly backlog: number;
  readonly reusePort: boolean;
  readonly ipv6Only: boolean;
  private readonly sink: ListenerSink;
  /** Connections that nobody has taken. */
  private queue: TcpEnd[];
  private held: boolean;
  private shut: boolean;

  constructor(
    system: System,
    address: Address,
    sink: ListenerSink,
    options: { backlog: number; reusePort: boolean; ipv6Only: boolean },
  ) {
    this.address = address;
    this.system = system;
    this.backlog = options.backlog;
    this.reusePort = options.reusePort;
    this.ipv6Only = options.ipv6Only;
    this.sink = sink;
    this.queue = [];
    this.held = false;
    this.shut = false;
  }

  get label(): string {
    const { host, port, family } = this.address;
    if (family === "unix") return `listener unix ${host}`;
    return `listener tcp ${family === "IPv6" ? `[${host}]` : host}:${port}`;
  }

  /** Its queue takes no more (one above the backlog, as on Linux). */
  get full(): boolean {
    return this.queue.length > this.backlog;
  }

  /** The other end has finished the handshake. */
  readonly established = (end: TcpEnd): void => {
    if (this.shut) end.abort();
    else if (this.held) this.queue.push(end);
    else this.give(end);
  };

  pause(): void {
    this.held = true;
  }

  resume(): void {
    if (!this.held) return;
    this.held = false;
    this.system.core.later(() => this.giveOut());
  }

  close(): void {
    if (this.shut) return;
    this.stop();
    for (const end of this.queue.splice(0)) end.abort();
    this.system.core.later(() => this.sink.closed(null));
  }

  /** As the system closes it. */
  exit(): void {
    if (this.shut) return;
    this.stop();
    for (const end of this.queue.splice(0)) end.abort();
  }

  /** Its computer has crashed. */
  vanish(): void {
    this.shut = true;
    this.queue = [];
  }

  private give(end: TcpEnd): void {
    this.system.opened(end);
    this.sink.accepted(end);
  }

  private stop(): void {
    this.shut = true;
    this.system.closed(this);
  }

  private giveOut(): void {
    while (!this.held && !this.shut) {
      const end = this.queue.shift();
      if (end === undefined) return;
      if (end.held) this.give(end);
    }
  }
}

/** Where an attempt to connect stands. */
const CALLING = 0;
const ANSWERED = 1;
const REFUSED = 2;
const SILENT = 3;
const OVER = 4;

/** An attempt to connect. */
export class Dial implements Timed {
  slot: number;
  private readonly system: System;
  private readonly target: System;
  private readonly local: Address;
  private readonly remote: Address;
  private readonly port: number;
  private readonly find: () => SimDoor | null;
  private readonly done: (error: Error | null, transport: Transport | null) => void;
  private readonly there: Link;
  private readonly back: Link;
  private readonly core: NetCore;
  private state: number;
  private tries: number;
  /** When it was begun anew. */
  private since: number;
  private end: TcpEnd | null;

  constructor(
    system: System,
    target: System,
    local: Address,
    remote: Address,
    port: number,
    find: () => SimDoor | null,
    done: (error: Error | null, transport: Transport | null) => void,
  ) {
    this.slot = -1;
    this.system = system;
    this.target = target;
    this.local = local;
    this.remote = remote;
    this.port = port;
    this.find = find;
    this.done = done;
    this.there = system.linkTo(target);
    this.back = target.linkTo(system);
    this.core = system.core;
    this.state = CALLING;
    this.tries = 0;
    this.since = 0;
    this.end = null;
    system.dials.add(this);
  }

  /** The first step, or that once more. */
  call(): void {
    this.since = this.core.clockwork.time;
    this.travel(this.there, CALLING);
  }

  fire(): void {
    if (this.state === OVER) return; // it was held by a clogged link
    const link = this.state === CALLING ? this.there : this.back;
    if (this.state !== SILENT) {
      if (link.clogged) {
        link.hold(this);
        return;
      }
      if (link.cut || (this.state === CALLING && this.target.dead)) {
        this.silence();
        return;
      }
    }
    switch (this.state) {
      case CALLING:
        this.knock();
        return;
      case ANSWERED:
        this.connected();
        return;
      case REFUSED:
        this.core.refused++;
        this.fail("ECONNREFUSED");
        return;
      case SILENT:
        this.again();
        return;
    }
  }

  /** Nobody wants it any more. */
  abandon(): void {
    this.leave();
  }

  /** Its computer has crashed. */
  vanish(): void {
    this.leave();
  }

  /** It has come to the other computer. */
  private knock(): void {
    if (this.end?.peer.forgotten === true) {
      // That computer has crashed since it heard of it first, and knows nothing of it.
      this.end = null;
    }
    if (this.end === null) {
      const door = this.find();
      if (door === null) {
        this.travel(this.back, REFUSED);
        return;
      }
      if (door.full) {
        this.silence();
        return;
      }
      const { core, system, target, local, remote, there, back } = this;
      const end = new TcpEnd(core, system, local, remote, this.port, there, back);
      const other = new TcpEnd(core, target, remote, local, 0, back, there);
      end.join(other);
      other.established = door.established;
      target.halfOpen.add(other);
      this.end = end;
    }
    this.travel(this.back, ANSWERED);
  }

  private connected(): void {
    const end = this.end as TcpEnd;
    this.leave(true);
    this.system.opened(end);
    this.core.connections++;
    end.wire.say(HELLO);
    this.done(null, end);
  }

  private travel(link: Link, state: number): void {
    const { core } = this;
    const { time } = core.clockwork;
    core.packets++;
    this.state = state;
    const at = link.cut ? LOST : link.fate(time, 0);
    if (at === LOST) this.silence();
    else core.clockwork.events.set(this, at);
  }

  /** No answer comes. */
  private silence(): void {
    this.core.lost++;
    this.state = SILENT;
    const { time, events } = this.core.clockwork;
    events.set(this, Math.max(time, this.since + FIRST_RETRY * 2 ** this.tries));
  }

  private again(): void {
    if (++this.tries > this.core.synRetries) {
      this.core.timeouts++;
      this.fail("ETIMEDOUT");
      return;
    }
    this.core.retransmitted++;
    this.call();
  }

  private fail(code: string): void {
    this.leave();
    const { host, port, family } = this.remote;
    this.done(family === "unix" ? systemError(code, "connect", host) : systemError(code, "connect", host, port), null);
  }

  /** It is over. The server, which has not heard the last step, forgets it by itself after a while: nobody can see when. */
  private leave(connected: boolean = false): void {
    if (this.state === OVER) return;
    this.state = OVER;
    this.core.withdraw(this);
    this.system.dials.delete(this);
    if (connected) return;
    this.system.givePort(this.port);
    if (this.end === null) return;
    this.end.vanish();
    this.end.peer.unheard();
  }
}
