/**
 * What the operating system of one computer knows of the network: its addresses and ports, who listens, what is open; and
 * the face that programs on it see, which is that of every host (`Network`).
 */
import { familyOf } from "../net/address.ts";
import type {
  Abandon,
  DatagramDoor,
  DatagramSink,
  Endpoint,
  ListeningDoor,
  ListenerSink,
  ListenOptions,
  Network,
  ResolvedAddress,
} from "../net/network.ts";
import type { Address, Transport } from "../net/transport.ts";
import type { Place } from "./clockwork.ts";
import type { Link } from "./links.ts";
import type { NetCore, NetSystem } from "./net-core.ts";
import { Dial, SimDoor } from "./net-doors.ts";
import { systemError } from "./net-errors.ts";
import { plainAddress } from "./net-address.ts";
import { Ports } from "./net-ports.ts";
import type { SimNames } from "./names.ts";
import type { TcpEnd } from "./tcp.ts";
import type { SimSocket } from "./udp.ts";
import { bindSocket } from "./udp.ts";

/** How long a computer looks for the way to one that does not exist, in ms: three questions, a second apart (RFC 4861, 7.2.2). */
const NO_WAY = 3000;
/** As Node has it. */
const BACKLOG = 511;
/** How long the path of a Unix socket may be on Linux, in bytes. */
const LONGEST_PATH = 107;

/** What a system asks of the whole network. */
export interface Surroundings {
  readonly core: NetCore;
  readonly names: SimNames;
  systemAt(address: string): System | undefined;
  linkBetween(from: System, to: System): Link;
  /** All computers, for what is sent to many. */
  readonly systems: readonly System[];
}

/** So many closed connections are kept in sight without a look whether they are settled. */
const LOOK = 64;

export class System implements NetSystem, Network {
  readonly core: NetCore;
  readonly place: Place;
  readonly index: number;
  readonly around: Surroundings;
  /** Its addresses in their plain form. */
  readonly addresses: readonly string[];
  readonly ends: Set<TcpEnd>;
  private readonly lingering: Set<TcpEnd>;
  private lookAt: number;
  /** Connections whose handshake is not finished, or that nobody has taken. */
  readonly halfOpen: Set<TcpEnd>;
  readonly dials: Set<Dial>;
  readonly sockets: Set<SimSocket>;
  readonly udpPorts: Map<number, SimSocket[]>;
  private readonly doors: Map<number, SimDoor[]>;
  /** The files of Unix sockets; null where nobody listens any more. */
  private readonly paths: Map<string, SimDoor | null>;
  private readonly ports: Ports;
  private readonly links: Link[];
  /** The run of its program that a crash has ended. */
  private crashedAt: number;
  private removed: boolean;

  constructor(around: Surroundings, place: Place, index: number) {
    this.core = around.core;
    this.place = place;
    this.index = index;
    this.around = around;
    this.addresses = place.addresses.map(plainAddress);
    this.ends = new Set();
    this.lingering = new Set();
    this.lookAt = LOOK;
    this.halfOpen = new Set();
    this.dials = new Set();
    this.sockets = new Set();
    this.udpPorts = new Map();
    this.doors = new Map();
    this.paths = new Map();
    this.ports = new Ports();
    this.links = [];
    this.crashedAt = -1;
    this.removed = false;
  }

  /** It has crashed and nothing has been started on it since: it answers nothing. */
  get dead(): boolean {
    return this.crashedAt === this.place.incarnation || this.removed;
  }

  linkTo(other: System): Link {
    return (this.links[other.index] ??= this.around.linkBetween(this, other));
  }

  // ---- the network of programs on it --------------------------------------------------------------------------------

  connect(
    to: Endpoint,
    options: { readonly localAddress?: string | undefined },
    done: (error: Error | null, transport: Transport | null) => void,
  ): Abandon {
    if ("path" in to) return this.connectPath(to.path, done);
    const { core } = this;
    const host = plainAddress(to.host);
    const target = this.reach(host);
    const local = options.localAddress === undefined ? this.sourceFor(host) : plainAddress(options.localAddress);
    const failing = (code: string, ms: number, syscall = "connect", where = host, port = to.port): Abandon => {
      const later = core.after(ms, () => done(systemError(code, syscall, where, port), null));
      return () => core.withdraw(later);
    };
    if (options.localAddress !== undefined && (local === undefined || !this.isOwn(local)))
      return failing("EADDRNOTAVAIL", 0, "bind", options.localAddress, 0);
    if (local === undefined || familyOf(local) !== familyOf(host)) return failing("ENETUNREACH", 0);
    if (to.port === 0) return failing("ECONNREFUSED", 0);
    if (target === undefined) return failing("EHOSTUNREACH", NO_WAY);
    const port = this.ports.take((free) => !this.doors.has(free));
    if (port === 0) return failing("EADDRNOTAVAIL", 0);
    const remote = addressOf(host, to.port);
    const dial = new Dial(this, target, addressOf(local, port), remote, port, () => target.doorAt(host, to.port), done);
    dial.call();
    return () => dial.abandon();
  }

  listen(
    at: Endpoint,
    options: ListenOptions,
    sink: ListenerSink,
    done: (error: Error | null, door: ListeningDoor | null) => void,
  ): Abandon {
    let door: SimDoor | null = null;
    let failure: Error | null = null;
    const made = "path" in at ? this.openPath(at.path, options, sink) : this.openPort(at, options, sink);
    if (made instanceof Error) failure = made;
    else door = made;
    const later = this.core.later(() => done(failure, door));
    return () => {
      this.core.withdraw(later);
      door?.close();
    };
  }

  bind(
    at: { readonly host: string; readonly port: number; readonly reuseAddress?: boolean | undefined },
    sink: DatagramSink,
    done: (error: Error | null, door: DatagramDoor | null) => void,
  ): Abandon {
    return bindSocket(this, at, sink, done);
  }

  lookup(name: string, done: (error: Error | null, addresses: readonly ResolvedAddress[]) => void): Abandon {
    return this.around.names.lookup(this.place, name, done);
  }

  query(name: string, type: string, done: (error: Error | null, records: readonly unknown[]) => void): Abandon {
    return this.around.names.query(this.place, name, type, done);
  }

  // ---- addresses ----------------------------------------------------------------------------------------------------

  /** The computer at an address, as seen from here. */
  reach(host: string): System | undefined {
    return isLoopback(host) || isAny(host) ? this : this.around.systemAt(host);
  }

  /** Whether a program may bind to it. */
  isOwn(address: string): boolean {
    return isLoopback(address) || this.addresses.includes(address);
  }

  /** From which address one speaks to another. */
  sourceFor(host: string): string | undefined {
    if (this.isOwn(host)) return host;
    const family = familyOf(host);
    if (isAny(host)) return family === 6 ? "::1" : "127.0.0.1";
    return this.addresses.find((one) => familyOf(one) === family);
  }

  freePort(taken: (port: number) => boolean): number {
    return this.ports.take((free) => !taken(free));
  }

  givePort(port: number): void {
    this.ports.give(port);
  }

  // ---- listening ----------------------------------------------------------------------------------------------------

  doorAt(host: string, port: number): SimDoor | null {
    const doors = this.doors.get(port);
    if (doors === undefined) return null;
    const six = host.includes(":");
    const any = six ? "::" : "0.0.0.0";
    const fitting =
      pick(doors, ({ address }) => address.host === host) ??
      pick(doors, ({ address }) => address.host === any) ??
      (six ? null : pick(doors, ({ address, ipv6Only }) => address.host === "::" && !ipv6Only));
    if (fitting === null) return null;
    if (fitting.length === 1) return fitting[0] as SimDoor;
    const { choices } = this.core.clockwork;
    return fitting[choices.choose(`listeners ${this.place.name}`, fitting.length, "which")] as SimDoor;
  }

  private openPort(
    at: { readonly host: string; readonly port: number },
    options: ListenOptions,
    sink: ListenerSink,
  ): SimDoor | Error {
    const { backlog = BACKLOG, reusePort = false, ipv6Only = false } = options;
    const host = at.host === "" ? "::" : plainAddress(at.host);
    if (!isAny(host) && !this.isOwn(host)) return systemError("EADDRNOTAVAIL", "listen", at.host, at.port);
    let { port } = at;
    if (port === 0) {
      port = this.ports.take((free) => !this.doors.has(free));
      this.ports.give(port);
      if (port === 0) return systemError("EADDRINUSE", "listen", host, 0);
    }
    const door = new SimDoor(this, addressOf(host, port), sink, { backlog, reusePort, ipv6Only });
    const there = this.doors.get(port);
    if (there?.some((other) => !(reusePort && other.reusePort) && overlap(door, other)))
      return systemError("EADDRINUSE", "listen", host, port);
    if (there === undefined) this.doors.set(port, [door]);
    else there.push(door);
    return door;
  }

  /** A door has been closed. */
  closed(door: SimDoor): void {
    const { host, port, family } = door.address;
    if (family === "unix") {
      if (this.paths.get(host) === door) this.paths.delete(host);
      return;
    }
    const left = (this.doors.get(port) ?? []).filter((one) => one !== door);
    if (left.length === 0) this.doors.delete(port);
    else this.doors.set(port, left);
  }

  // ---- Unix sockets -------------------------------------------------------------------------------------------------

  private openPath(path: string, options: ListenOptions, sink: ListenerSink): SimDoor | Error {
    if (new TextEncoder().encode(path).length > LONGEST_PATH)
      return new RangeError(`the path of a Unix socket may have ${LONGEST_PATH} bytes: ${path}`);
    const { backlog = BACKLOG, replaceStale = false } = options;
    const there = this.paths.get(path);
    if (there !== undefined && !(there === null && replaceStale)) return taken(path, there === null);
    const door = new SimDoor(this, unixAddress(path), sink, { backlog, reusePort: false, ipv6Only: false });
    this.paths.set(path, door);
    return door;
  }

  private connectPath(path: string, done: (error: Error | null, transport: Transport | null) => void): Abandon {
    const there = this.paths.get(path);
    if (there === undefined) {
      const code = path.startsWith("\0") ? "ECONNREFUSED" : "ENOENT";
      const later = this.core.later(() => done(systemError(code, "connect", path), null));
      return () => this.core.withdraw(later);
    }
    const dial = new Dial(this, this, unixAddress(""), unixAddress(path), 0, () => this.paths.get(path) ?? null, done);
    dial.call();
    return () => dial.abandon();
  }

  // ---- what is open -------------------------------------------------------------------------------------------------

  /** A program has the descriptor. */
  opened(end: TcpEnd): void {
    this.halfOpen.delete(end);
    this.ends.add(end);
  }

  gone(end: TcpEnd): void {
    this.ends.delete(end);
    this.lingering.add(end);
    // Most are settled by the time of the next look, which is taken when there are twice as many.
    if (this.lingering.size >= this.lookAt) {
      for (const one of this.lingering) if (one.wire.settled || !one.retransmits) this.lingering.delete(one);
      this.lookAt = 2 * this.lingering.size + LOOK;
    }
    this.halfOpen.delete(end);
    if (end.port !== 0) this.ports.give(end.port);
  }

  /** Open connections, and those that were closed and whose last bytes are not known to have been taken. */
  *connections(): Generator<TcpEnd, void> {
    yield* this.ends;
    for (const end of this.lingering) {
      if (end.wire.settled || !end.retransmits) this.lingering.delete(end);
      else yield end;
    }
  }

  held(): string[] {
    return [
      ...this.allDoors().map(({ label }) => label),
      ...[...this.ends].map(({ label }) => label),
      ...[...this.sockets].map(({ label }) => label),
    ];
  }

  private allDoors(): SimDoor[] {
    return [...[...this.doors.values()].flat(), ...[...this.paths.values()].filter((door) => door !== null)];
  }

  /** Everything is forgotten, and nobody is told. */
  crash(forever: boolean = false): void {
    this.crashedAt = this.place.incarnation;
    this.removed = forever;
    for (const dial of this.dials) dial.vanish();
    for (const end of this.ends) end.vanish();
    for (const end of this.lingering) end.vanish();
    this.lingering.clear();
    for (const end of this.halfOpen) end.vanish();
    for (const door of this.allDoors()) door.vanish();
    for (const socket of this.sockets) socket.vanish();
    this.dials.clear();
    this.forget();
  }

  /** The program has ended, and the system gives back what it left open. */
  end(): void {
    for (const dial of this.dials) dial.abandon();
    for (const door of this.allDoors()) door.exit();
    for (const end of this.ends) end.exit();
    for (const socket of this.sockets) socket.vanish();
    this.forget();
  }

  private forget(): void {
    this.ends.clear();
    this.halfOpen.clear();
    this.sockets.clear();
    this.udpPorts.clear();
    this.doors.clear();
    // The files stay, and nobody listens to them; what has no file is gone.
    for (const path of this.paths.keys()) {
      if (path.startsWith("\0")) this.paths.delete(path);
      else this.paths.set(path, null);
    }
    this.ports.clear();
  }
}

export function addressOf(host: string, port: number): Address {
  return { host, port, family: host.includes(":") ? "IPv6" : "IPv4" };
}

function unixAddress(path: string): Address {
  return { host: path, port: 0, family: "unix" };
}

export function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}

export function isAny(host: string): boolean {
  return host === "::" || host === "0.0.0.0";
}

function pick<T>(items: readonly T[], wanted: (item: T) => boolean): readonly T[] | null {
  const found = items.filter(wanted);
  return found.length === 0 ? null : found;
}

/** Whether two that listen to one port would get the same connections. */
function overlap(a: SimDoor, b: SimDoor): boolean {
  const one = a.address.host;
  const other = b.address.host;
  if (one === other) return true;
  const wide = (door: SimDoor, host: string): boolean =>
    (door.address.host === "0.0.0.0" && !host.includes(":")) ||
    (door.address.host === "::" && (host.includes(":") || !door.ipv6Only));
  return wide(a, other) || wide(b, one);
}

/** In the words in which a real host tells of a path that is taken. */
function taken(path: string, stale: boolean): Error {
  const why = stale
    ? "nobody listens there, so it was left by a process that ended without removing it: remove it, or listen with { replaceStale: true }"
    : "it is in use, or it is no socket";
  return Object.assign(new Error(`listen EADDRINUSE: ${path} exists; ${why}`), {
    code: "EADDRINUSE",
    syscall: "listen",
    address: path,
  });
}
