/**
 * Datagrams of a simulated network: each is an event of its own, so that they overtake each other, come twice, or never.
 */
import { familyOf, shownEndpoint } from "../net/address.ts";
import type { Abandon, DatagramDoor, DatagramSink } from "../net/network.ts";
import type { Address } from "../net/transport.ts";
import type { Timed } from "../loop/timers.ts";
import { type Link, LOST } from "./links.ts";
import { plainAddress } from "./net-address.ts";
import { systemError } from "./net-errors.ts";
import { addressOf, isAny, isLoopback, type System } from "./net-system.ts";

/** What IPv4 carries in one datagram. */
const LONGEST = 65_507;

/** Binds a socket for datagrams on a computer. */
export function bindSocket(
  system: System,
  at: { readonly host: string; readonly port: number; readonly reuseAddress?: boolean | undefined },
  sink: DatagramSink,
  done: (error: Error | null, door: DatagramDoor | null) => void,
): Abandon {
  const { core } = system;
  const made = open(system, at, sink);
  const later = core.later(() => {
    if (made instanceof SimSocket) done(null, made);
    else done(made, null);
  });
  return () => {
    core.withdraw(later);
    if (made instanceof SimSocket) made.vanish();
  };
}

function open(
  system: System,
  at: { readonly host: string; readonly port: number; readonly reuseAddress?: boolean | undefined },
  sink: DatagramSink,
): SimSocket | Error {
  const host = at.host === "" ? "0.0.0.0" : plainAddress(at.host);
  if (!isAny(host) && !system.isOwn(host) && !isMulticast(host))
    return systemError("EADDRNOTAVAIL", "bind", at.host, at.port);
  const { udpPorts } = system;
  let { port } = at;
  const given = port === 0;
  if (given) {
    port = system.freePort((free) => udpPorts.has(free));
    if (port === 0) return systemError("EADDRINUSE", "bind", host, 0);
  }
  const there = udpPorts.get(port) ?? [];
  const shared = at.reuseAddress === true;
  if (there.some((other) => !(shared && other.shared) && clash(other.address.host, host)))
    return systemError("EADDRINUSE", "bind", host, port);
  const socket = new SimSocket(system, addressOf(host, port), shared, given, sink);
  udpPorts.set(port, [...there, socket]);
  system.sockets.add(socket);
  return socket;
}

export class SimSocket implements DatagramDoor {
  readonly address: Address;
  readonly shared: boolean;
  readonly system: System;
  readonly sink: DatagramSink;
  peer: Address | null;
  private readonly given: boolean;
  private readonly groups: Set<string>;
  private broadcast: boolean;
  private loopback: boolean;
  private shut: boolean;

  constructor(system: System, address: Address, shared: boolean, given: boolean, sink: DatagramSink) {
    this.address = address;
    this.shared = shared;
    this.system = system;
    this.sink = sink;
    this.peer = null;
    this.given = given;
    this.groups = new Set();
    this.broadcast = false;
    this.loopback = true;
    this.shut = false;
  }

  get label(): string {
    return `udp ${shownEndpoint(this.address)}`;
  }

  get open(): boolean {
    return !this.shut;
  }

  send(data: Uint8Array, to: Address | undefined, done: (error: Error | null) => void): void {
    const target = to ?? (this.peer as Address);
    const host = plainAddress(target.host);
    const problem = this.problem(data, host);
    const { core } = this.system;
    if (problem !== null) {
      core.later(() => done(systemError(problem, "send", host, target.port)));
      return;
    }
    const from = addressOf(this.sourceFor(host) as string, this.address.port);
    const bytes = new Uint8Array(data);
    const { events, time } = core.clockwork;
    const there = addressOf(host, target.port);
    const systems = this.targets(host);
    // Nobody has the address: it is sent, and never heard of again.
    const first = new Parcel(this, systems[0] ?? null, bytes, from, there, done);
    events.set(first, time);
    for (const system of systems.slice(1)) events.set(new Parcel(this, system, bytes.slice(), from, there, null), time);
  }

  connect(to: Address, done: (error: Error | null) => void): void {
    const host = plainAddress(to.host);
    const { core } = this.system;
    if (this.sourceFor(host) === undefined) {
      core.later(() => done(systemError("ENETUNREACH", "connect", host, to.port)));
      return;
    }
    this.peer = addressOf(host, to.port);
    core.later(() => done(null));
  }

  disconnect(): void {
    this.peer = null;
  }

  join(group: string, _via: string | undefined): void {
    const host = plainAddress(group);
    if (!isMulticast(host) || !this.speaks(host)) throw systemError("EINVAL", "addMembership");
    if (this.groups.has(host)) throw systemError("EADDRINUSE", "addMembership");
    this.groups.add(host);
  }

  leave(group: string, _via: string | undefined): void {
    if (!this.groups.delete(plainAddress(group))) throw systemError("EADDRNOTAVAIL", "dropMembership");
  }

  configure(options: Parameters<DatagramDoor["configure"]>[0]): void {
    const { broadcast, ttl, multicastTtl, loopback } = options;
    if (ttl !== undefined && !(ttl >= 1 && ttl <= 255)) throw systemError("EINVAL", "setTTL");
    if (multicastTtl !== undefined && !(multicastTtl >= 0 && multicastTtl <= 255))
      throw systemError("EINVAL", "setMulticastTTL");
    if (broadcast !== undefined) this.broadcast = broadcast;
    if (loopback !== undefined) this.loopback = loopback;
  }

  close(): void {
    if (this.shut) return;
    this.vanish();
    this.system.core.later(() => this.sink.closed(null));
  }

  /** Nobody is told. */
  vanish(): void {
    this.shut = true;
    const { system, address } = this;
    system.sockets.delete(this);
    const left = (system.udpPorts.get(address.port) ?? []).filter((one) => one !== this);
    if (left.length === 0) system.udpPorts.delete(address.port);
    else system.udpPorts.set(address.port, left);
    if (this.given) system.givePort(address.port);
  }

  /** Nobody listens where it sent to. Only a connected socket is told. */
  refused(by: Address): void {
    const { peer } = this;
    if (this.shut || peer === null || peer.host !== by.host || peer.port !== by.port) return;
    this.sink.failed(systemError("ECONNREFUSED", "recvmsg"));
  }

  /** Whether a datagram is for it. */
  takes(from: Address, to: Address): boolean {
    const { host } = this.address;
    const { peer } = this;
    if (peer !== null && (peer.host !== from.host || peer.port !== from.port)) return false;
    if (isMulticast(to.host)) return this.groups.has(to.host) && (isAny(host) || host === to.host);
    if (isBroadcast(to.host)) return isAny(host);
    return host === to.host || (isAny(host) && this.speaks(to.host));
  }

  private problem(data: Uint8Array, host: string): string | null {
    if (data.length > LONGEST) return "EMSGSIZE";
    if (!this.speaks(host)) return "EINVAL";
    if (isBroadcast(host) && !this.broadcast) return "EACCES";
    return this.sourceFor(host) === undefined ? "ENETUNREACH" : null;
  }

  /** A socket for IPv6 reaches IPv4 as well. */
  private speaks(host: string): boolean {
    return familyOf(host) === 4
      ? familyOf(this.address.host) === 4 || this.address.host === "::"
      : familyOf(this.address.host) === 6;
  }

  private sourceFor(host: string): string | undefined {
    const own = this.address.host;
    if (!isAny(own) && !isMulticast(own)) return own;
    const { system } = this;
    if (!isMulticast(host) && !isBroadcast(host)) return system.sourceFor(host);
    return system.addresses.find((one) => familyOf(one) === familyOf(host));
  }

  private targets(host: string): readonly System[] {
    const { system } = this;
    if (isMulticast(host) || isBroadcast(host))
      return system.around.systems.filter((one) => one !== system || this.loopback);
    const one = system.reach(host);
    return one === undefined ? [] : [one];
  }
}

/** A datagram on its way. */
class Parcel implements Timed {
  slot: number;
  private readonly socket: SimSocket;
  private readonly system: System | null;
  private readonly data: Uint8Array;
  private readonly from: Address;
  private readonly to: Address;
  private done: ((error: Error | null) => void) | null;
  private sent: boolean;

  constructor(
    socket: SimSocket,
    system: System | null,
    data: Uint8Array,
    from: Address,
    to: Address,
    done: ((error: Error | null) => void) | null,
  ) {
    this.slot = -1;
    this.socket = socket;
    this.system = system;
    this.data = data;
    this.from = from;
    this.to = to;
    this.done = done;
    this.sent = false;
  }

  fire(): void {
    const { system } = this;
    if (this.sent) {
      if (system !== null) this.arrive(system, this.socket.system.linkTo(system));
      return;
    }
    this.sent = true;
    const { done, socket } = this;
    this.done = null;
    if (system !== null) this.travel(system, socket.system.linkTo(system));
    done?.(null);
  }

  private travel(system: System, link: Link): void {
    const { core } = this.socket.system;
    this.leave(link);
    if (!link.strikes(link.duplicate, "twice")) return;
    core.duplicated++;
    const again = new Parcel(this.socket, system, this.data.slice(), this.from, this.to, null);
    again.sent = true;
    again.leave(link);
  }

  private leave(link: Link): void {
    const { core } = this.socket.system;
    const { time, events } = core.clockwork;
    core.packets++;
    core.bytes += this.data.length;
    const at = link.cut ? LOST : link.fate(time, this.data.length);
    if (at === LOST) core.lost++;
    else events.set(this, link.strikes(link.reorder, "late") ? at + link.lag() : at);
  }

  private arrive(system: System, link: Link): void {
    const { from, to, socket } = this;
    if (link.clogged) {
      link.hold(this);
      return;
    }
    const { core } = system;
    if (link.cut || system.dead) {
      core.lost++;
      return;
    }
    const there = (system.udpPorts.get(to.port) ?? []).filter((one) => one.takes(from, to));
    if (isMulticast(to.host) || isBroadcast(to.host)) {
      for (const one of there) one.sink.received({ data: this.data.slice(), from });
      return;
    }
    // The one that is connected to the sender, or bound to the very address; of those that share it, the last.
    const best =
      there.findLast((one) => one.peer !== null) ?? there.findLast((one) => !isAny(one.address.host)) ?? there.at(-1);
    if (best !== undefined) {
      best.sink.received({ data: this.data, from });
      return;
    }
    const back = system.linkTo(socket.system);
    if (!back.cut && !back.clogged && socket.peer !== null) core.after(back.latency, () => socket.refused(to));
  }
}

function clash(one: string, other: string): boolean {
  return one === other || isAny(one) || isAny(other);
}

function isBroadcast(host: string): boolean {
  return host === "255.255.255.255" || (host.endsWith(".255.255.255") && !isLoopback(host));
}

function isMulticast(host: string): boolean {
  if (host.includes(":")) return /^ff[0-9a-f]{2}:/.test(host);
  const first = Number.parseInt(host, 10);
  return first >= 224 && first <= 239;
}
