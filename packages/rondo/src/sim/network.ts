/**
 * The network of a simulated world: its computers, the links between them, their names, and what is done to them.
 *
 * Byte-accurate where a program could notice: what is sent arrives in pieces, late, or after a reset, over windows that
 * fill; packets that no program can see (acknowledgements, window updates) are computed and not sent. `rondo/net` runs on
 * it unchanged, and gets the errors that Node's network gives.
 */
import type { Network } from "../net/network.ts";
import type { Clockwork, Part, Place } from "./clockwork.ts";
import { BETWEEN, checked, Link, type LinkSettings, WITHIN } from "./links.ts";
import { SimNames } from "./names.ts";
import { NetCore } from "./net-core.ts";
import { checkedFaults, drawTroubles, type Faults, type Troubles } from "./net-faults.ts";
import { LinkControl } from "./net-link-control.ts";
import { type Surroundings, System } from "./net-system.ts";

/** A computer, by its name or as the thing itself. */
export type At = string | { readonly name: string };

/** What the network of a world is like. */
export interface SimNetworkOptions {
  /**
   * Which troubles it has by itself: `none`; `swarm`, where each seed draws which kinds are on and how bad they are; `all`
   * kinds. Default `swarm`. A world without a seed has none. What cuts off, crashes or stops is done by name, never here.
   */
  readonly faults?: Faults | undefined;
  /** What holds for all links between computers, over what was drawn. */
  readonly link?: Partial<LinkSettings> | undefined;
  /** How often a segment is sent again before the connection is given up with `ETIMEDOUT`. Default 15, about 15 minutes. */
  readonly retries?: number | undefined;
  /** How often an attempt to connect is repeated before it is given up. Default 6, about two minutes. */
  readonly connectRetries?: number | undefined;
  /** How long the answer to a question for a name takes, in ms. Default 0.2. */
  readonly nameLatency?: number | undefined;
}

/** What the network has done so far. */
export interface NetworkStatistics {
  /** Segments and datagrams that were sent; of those that only acknowledge, none. */
  readonly packets: number;
  /** Bytes in them, without headers. */
  readonly bytes: number;
  /** How many did not arrive. */
  readonly lost: number;
  /** How many were sent again by TCP. */
  readonly retransmitted: number;
  /** Datagrams that came twice. */
  readonly duplicated: number;
  /** Connections that came about. */
  readonly connections: number;
  /** Attempts that were refused. */
  readonly refused: number;
  /** Connections that were reset. */
  readonly resets: number;
  /** Connections, and attempts, that were given up because nobody answered. */
  readonly timeouts: number;
}

/**
 * The network of a world; `world.network`. Everything in it can be looked at and changed while programs run: how quick and
 * how good each link is, who reaches whom, what names stand for.
 *
 * @example
 * ```ts
 * import { sleep, use } from "rondo";
 * import { connect, listen, serve } from "rondo/net";
 * import { simulate } from "rondo/sim";
 *
 * const run = simulate({}, function* (world) {
 *   world.node("server", function* () {
 *     yield* serve(yield* listen({ port: 80 }), function* (stream) {
 *       yield* stream.write((yield* stream.readUntil("\n")) ?? "");
 *     });
 *   });
 *   const client = world.node("client", function* () {
 *     yield* sleep(10);
 *     const stream = use(yield* connect({ host: "server", port: 80 }));
 *     world.network.cut("client", "server");
 *     yield* stream.write("is anybody there?\n");
 *     yield* sleep(10_000);
 *     world.network.heal("client", "server");
 *     return yield* stream.lines().next();
 *   });
 *   return (yield* client.ended()).value;
 * });
 * console.log(run.value, run.virtual > 10_000); // prints: is anybody there? true
 * ```
 */
export class SimNetwork implements Part, Surroundings {
  /** @internal */
  readonly core: NetCore;
  /** @internal */
  readonly systems: System[];
  /** The names of the world. */
  readonly names: SimNames;
  private readonly byName: Map<string, System>;
  private readonly byAddress: Map<string, System>;
  private readonly links: Link[];
  private readonly faults: Faults;
  /** Drawn when somebody first uses the network. */
  private drawn: Troubles | null;
  private common: Partial<LinkSettings>;

  /** @internal */
  constructor(clockwork: Clockwork, options: SimNetworkOptions = {}) {
    const { faults = "swarm", link = {}, retries, connectRetries, nameLatency } = options;
    this.core = new NetCore(clockwork);
    this.systems = [];
    this.names = new SimNames(this.core, () => this.troubles.shuffledNames);
    this.byName = new Map();
    this.byAddress = new Map();
    this.links = [];
    this.faults = checkedFaults(faults);
    this.drawn = null;
    this.common = checked(link);
    this.core.retries = count(retries ?? this.core.retries, "retries");
    this.core.synRetries = count(connectRetries ?? this.core.synRetries, "connectRetries");
    if (nameLatency !== undefined) this.names.latency = checked({ latency: nameLatency }).latency as number;
  }

  // ---- as a part of the world ---------------------------------------------------------------------------------------

  /** The network as programs on this computer see it. @internal */
  networkFor(place: Place): Network {
    return this.system(place);
  }

  /** @internal */
  added(place: Place): void {
    this.add(place);
  }

  /** @internal */
  add(place: Place): void {
    const system = new System(this, place, this.systems.length);
    for (const address of system.addresses) {
      const other = this.byAddress.get(address);
      if (other !== undefined)
        throw new Error(`${place.name} cannot have the address ${address}: ${other.place.name} has it`);
    }
    for (const address of system.addresses) this.byAddress.set(address, system);
    this.byName.set(place.name, system);
    this.systems.push(system);
    this.names.add(place);
  }

  /** Takes a computer away for ever. @internal */
  remove(place: Place): void {
    const system = this.system(place);
    system.crash(true);
    for (const address of system.addresses) this.byAddress.delete(address);
    this.byName.delete(place.name);
    this.alarm(system);
  }

  /** @internal */
  crashed(place: Place): void {
    const system = this.system(place);
    system.crash();
    this.names.forget(place);
    this.alarm(system);
  }

  /** @internal */
  ended(place: Place): void {
    this.system(place).end();
  }

  /** @internal */
  held(place: Place): readonly string[] {
    return this.system(place).held();
  }

  /** What is between these works again, and names are found. @internal */
  calm(core: readonly Place[]): void {
    for (const a of core) {
      for (const b of core) {
        this.heal(a, b, { oneWay: true });
        this.unclog(a, b, { oneWay: true });
      }
    }
    this.names.restore();
  }

  // ---- links --------------------------------------------------------------------------------------------------------

  /**
   * The link between two computers, to be looked at and set, in both directions: `link("a", "b").latency = 200`. With
   * `oneWay` only the direction from the first to the second. A link of a computer to itself is what programs on it use
   * among each other.
   */
  link(a: At, b: At, options: { readonly oneWay?: boolean | undefined } = {}): LinkControl {
    return new LinkControl(this.pair(a, b, options.oneWay === true), (settings, links) => {
      for (const link of links) {
        link.set(settings);
        this.refresh(link);
      }
      this.core.tell(() => `link ${links.map(({ label }) => label).join(", ")}: ${shown(settings)}`);
    });
  }

  /** What holds for all links between computers, unless one has settings of its own. */
  get defaults(): Readonly<LinkSettings> {
    return { ...BETWEEN, ...this.troubles.between, ...this.common };
  }

  set defaults(settings: Partial<LinkSettings>) {
    this.common = { ...this.common, ...checked(settings) };
    for (const link of this.links) this.refresh(link);
    this.core.tell(() => `all links: ${shown(settings)}`);
  }

  /** From here on nothing arrives, of what is on its way neither; in one direction, or both. Nobody is told. */
  cut(a: At, b: At, options: { readonly oneWay?: boolean | undefined } = {}): void {
    for (const link of this.pair(a, b, options.oneWay === true)) {
      if (link.cut) continue;
      link.cut = true;
      this.core.tell(() => `link ${link.label} is cut`);
    }
    this.disturb(this.find(a), this.find(b));
  }

  /** Packets arrive again. What TCP has to send again it sends when its next attempt is due. */
  heal(a: At, b: At, options: { readonly oneWay?: boolean | undefined } = {}): void {
    for (const link of this.pair(a, b, options.oneWay === true)) this.mend(link);
  }

  /** Cuts every link from one group to another. Computers in none of them keep their links. */
  partition(groups: readonly (readonly At[])[]): void {
    for (let i = 0; i < groups.length; i++)
      for (const a of groups[i] as readonly At[])
        for (const group of groups.slice(i + 1)) for (const b of group) this.cut(a, b);
  }

  /** Cuts a computer off from all others. */
  isolate(a: At): void {
    const system = this.find(a);
    for (const other of this.systems) if (other !== system) this.cut(a, other.place);
  }

  /** No link is cut or clogged any more. */
  healAll(): void {
    for (const link of this.links) {
      this.mend(link);
      this.free(link);
    }
  }

  /** Whether nothing arrives from the one at the other. */
  isCut(a: At, b: At): boolean {
    return (this.pair(a, b, true)[0] as Link).cut;
  }

  /** From here on what arrives is held, and delivered at `unclog`: a delay, and no loss. */
  clog(a: At, b: At, options: { readonly oneWay?: boolean | undefined } = {}): void {
    for (const link of this.pair(a, b, options.oneWay === true)) {
      if (link.clogged) continue;
      link.clogged = true;
      this.core.tell(() => `link ${link.label} is clogged`);
    }
  }

  /** All that was held arrives at once. */
  unclog(a: At, b: At, options: { readonly oneWay?: boolean | undefined } = {}): void {
    for (const link of this.pair(a, b, options.oneWay === true)) this.free(link);
  }

  statistics(): NetworkStatistics {
    const { packets, bytes, lost, retransmitted, duplicated, connections, refused, resets, timeouts } = this.core;
    return { packets, bytes, lost, retransmitted, duplicated, connections, refused, resets, timeouts };
  }

  // ---- for its parts ------------------------------------------------------------------------------------------------

  /** @internal */
  systemAt(address: string): System | undefined {
    return this.byAddress.get(address);
  }

  /** @internal */
  linkBetween(from: System, to: System): Link {
    const link = new Link(`${from.place.name}>${to.place.name}`, this.core.clockwork.choices, from === to);
    this.refresh(link);
    this.links.push(link);
    return link;
  }

  private system(place: Place): System {
    return this.find(place);
  }

  private find(at: At): System {
    const name = typeof at === "string" ? at : at.name;
    const system = this.byName.get(name);
    if (system === undefined) throw new Error(`there is no computer "${name}" in this network`);
    return system;
  }

  private pair(a: At, b: At, oneWay: boolean): Link[] {
    const from = this.find(a);
    const to = this.find(b);
    const there = from.linkTo(to);
    return oneWay || from === to ? [there] : [there, to.linkTo(from)];
  }

  private refresh(link: Link): void {
    link.refresh(link.local ? { ...WITHIN, ...this.troubles.within } : this.defaults);
  }

  private get troubles(): Troubles {
    if (this.drawn === null) {
      const { choices } = this.core.clockwork;
      this.drawn = drawTroubles(choices.stream("network"), this.faults);
      const { text } = this.drawn;
      if (text !== "") this.core.tell(() => `the network has troubles: ${text}`);
    }
    return this.drawn;
  }

  private mend(link: Link): void {
    if (!link.cut) return;
    link.cut = false;
    this.core.tell(() => `link ${link.label} is healed`);
  }

  private free(link: Link): void {
    if (!link.clogged) return;
    link.clogged = false;
    this.core.tell(() => `link ${link.label} is free again`);
    const { events, time } = this.core.clockwork;
    link.release(events, time);
    // Acknowledgements that were held come as well.
    for (const system of this.systems)
      for (const end of system.connections()) if (end.wire.back === link) end.wire.released();
  }

  /** Whoever waits for an answer over the links between these two begins to doubt. */
  private disturb(a: System, b: System): void {
    for (const system of a === b ? [a] : [a, b]) {
      const other = system === a ? b : a;
      for (const end of system.connections()) if (end.peer.system === other) end.wire.disturbed();
    }
  }

  /** Whoever waits for an answer of this computer begins to doubt. */
  private alarm(gone: System): void {
    for (const system of this.systems)
      for (const end of system.connections()) if (end.peer.system === gone) end.wire.disturbed();
  }
}

function count(value: number, what: string): number {
  if (value >= 0) return value;
  throw new RangeError(`${what} is a number of attempts, 0 or more, not ${String(value)}`);
}

function shown(settings: Partial<LinkSettings>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(", ");
}
