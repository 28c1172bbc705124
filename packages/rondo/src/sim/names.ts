/**
 * The names of a simulated world: those of its computers, those that the user adds, and what becomes of a question.
 *
 * Two ways to ask, as on a real host: what the system looks up (`resolve`, `connect`), and what name servers are asked
 * (`resolveTxt` and its kin). They fail with different codes for the same trouble, and so they do here. A system keeps an
 * answer for its time to live, as those do that have a cache; without one each question is asked anew.
 */
import { familyOf } from "../net/address.ts";
import { reverseName } from "../net/names.ts";
import type { Abandon, ResolvedAddress } from "../net/network.ts";
import type { Place } from "./clockwork.ts";
import { plainAddress } from "./net-address.ts";
import type { NetCore } from "./net-core.ts";
import { nameError } from "./net-errors.ts";

/** What name servers have for a name; records in the shape of `node:dns`. */
export interface NameRecords {
  /** IPv4 and IPv6 addresses, in the order in which they are given. */
  readonly addresses?: readonly string[] | undefined;
  /** How long a system keeps the addresses, in ms. Default 0. */
  readonly ttl?: number | undefined;
  /** The name that this one is an alias of. */
  readonly cname?: string | undefined;
  /** Other records by their type: `{ TXT: [["v=spf1 -all"]], MX: [{ priority: 10, exchange: "mail.test" }] }`. */
  readonly records?: Readonly<Record<string, readonly unknown[]>> | undefined;
}

/**
 * How a question fails: there is no such name; the name server has a fault; nobody answers (which takes 10 s for the system,
 * 30 s for a query); nobody listens where the name server should be.
 */
export type NameFailure = "not-found" | "fault" | "silence" | "refused";

/** Whom a failure concerns: everybody and all names, where nothing is said. */
export interface NameScope {
  readonly name?: string | undefined;
  readonly place?: string | { readonly name: string } | undefined;
}

/** Two attempts of 5 s each (resolv.conf). */
const SYSTEM_PATIENCE = 10_000;
/** Four attempts, the first of 2 s, each twice as long as the one before (c-ares). */
const QUERY_PATIENCE = 30_000;
/** An alias of an alias, and so on: no further. */
const MOST_ALIASES = 8;

interface Outage {
  readonly how: NameFailure;
  readonly name: string | undefined;
  readonly place: string | undefined;
}

interface Kept {
  readonly until: number;
  readonly addresses: readonly ResolvedAddress[];
}

/**
 * The names of a world; `world.network.names`. Computers have theirs by themselves.
 *
 * @example
 * ```ts
 * import { resolve, type SystemError } from "rondo/net";
 * import { simulate } from "rondo/sim";
 *
 * simulate({}, function* (world) {
 *   const { names } = world.network;
 *   names.set("service.test", ["10.0.0.8", "10.0.0.9"]);
 *   console.log((yield* resolve("service.test")).length); // prints: 2
 *   names.fail("silence");
 *   try {
 *     yield* resolve("service.test");
 *   } catch (error) {
 *     console.log((error as SystemError).code, Math.round(world.time)); // prints: EAI_AGAIN 10000
 *   }
 * });
 * ```
 */
export class SimNames {
  /** How long an answer takes, in ms. */
  latency: number;
  /** Whether several addresses come in a drawn order; the seed says so where nothing is set. */
  shuffles: boolean | undefined;
  private readonly core: NetCore;
  private readonly own: Map<string, NameRecords>;
  private readonly places: Map<string, NameRecords>;
  private readonly pointers: Map<string, string[]>;
  private readonly caches: Map<string, Map<string, Kept>>;
  private readonly drawn: () => boolean;
  private outages: Outage[];

  /** @internal */
  constructor(core: NetCore, drawn: () => boolean) {
    this.latency = 0.2;
    this.shuffles = undefined;
    this.core = core;
    this.own = new Map();
    this.places = new Map();
    this.pointers = new Map();
    this.caches = new Map();
    this.drawn = drawn;
    this.outages = [];
  }

  // ---- what there is ------------------------------------------------------------------------------------------------

  /** Gives a name these addresses or records, from now on; systems that have kept the old ones use them until their time is over. */
  set(name: string, records: string | readonly string[] | NameRecords): void {
    const given: NameRecords =
      typeof records === "string"
        ? { addresses: [records] }
        : Array.isArray(records)
          ? { addresses: records as readonly string[] }
          : (records as NameRecords);
    for (const address of given.addresses ?? []) {
      if (familyOf(address) === undefined)
        throw new TypeError(`the name ${name} is to stand for IP addresses, and ${address} is none`);
    }
    this.own.set(key(name), given);
    this.core.tell(
      () => `the name ${name} stands for ${(given.addresses ?? []).join(", ") || (given.cname ?? "records")}`,
    );
  }

  /** Takes away what `set` has given; the names of computers come back. */
  remove(name: string): void {
    this.own.delete(key(name));
    this.core.tell(() => `the name ${name} is taken away`);
  }

  /** Questions fail from now on. */
  fail(how: NameFailure, scope: NameScope = {}): void {
    const { name } = scope;
    const place = typeof scope.place === "object" ? scope.place.name : scope.place;
    this.outages.push({ how, name: name === undefined ? undefined : key(name), place });
    this.core.tell(() => `questions for ${name ?? "names"}${place === undefined ? "" : ` from ${place}`} fail: ${how}`);
  }

  /** Questions are answered again: those for this name or from this place, or all. */
  restore(scope: NameScope = {}): void {
    const name = scope.name === undefined ? undefined : key(scope.name);
    const place = typeof scope.place === "object" ? scope.place.name : scope.place;
    const before = this.outages.length;
    this.outages = this.outages.filter(
      (one) => (name !== undefined && one.name !== name) || (place !== undefined && one.place !== place),
    );
    if (this.outages.length < before) this.core.tell(() => `questions for ${scope.name ?? "names"} are answered again`);
  }

  /** @internal A computer has come. */
  add(place: Place): void {
    for (const name of [place.name, ...place.aliases]) {
      const before = this.places.get(key(name))?.addresses ?? [];
      this.places.set(key(name), { addresses: [...before, ...place.addresses] });
    }
    for (const address of place.addresses) {
      const pointer = reverseName(address);
      this.pointers.set(pointer, [...(this.pointers.get(pointer) ?? []), place.name]);
    }
  }

  /** @internal What a system kept is gone with it. */
  forget(place: Place): void {
    this.caches.delete(place.name);
  }

  // ---- questions ----------------------------------------------------------------------------------------------------

  /** @internal As the system looks it up. */
  lookup(
    place: Place,
    name: string,
    done: (error: Error | null, addresses: readonly ResolvedAddress[]) => void,
  ): Abandon {
    const asked = key(name);
    if (asked === "localhost" || asked.endsWith(".localhost")) return this.answer(0, () => done(null, LOCAL));
    const fail = (code: string, ms: number): Abandon =>
      this.answer(ms, () => done(nameError(code, "getaddrinfo", name), []));
    const kept = this.caches.get(place.name)?.get(asked);
    if (kept !== undefined && kept.until > this.core.clockwork.time)
      return this.answer(0, () => done(null, this.inOrder(kept.addresses)));
    switch (this.outage(place, asked)) {
      case "not-found":
        return fail("ENOTFOUND", this.latency);
      case "silence":
        return fail("EAI_AGAIN", SYSTEM_PATIENCE);
      case "fault":
      case "refused":
        return fail("EAI_AGAIN", this.latency);
    }
    // What the answer is shows when it comes.
    return this.answer(this.latency, () => {
      const { records } = this.find(asked);
      const addresses = (records?.addresses ?? []).map(resolved);
      if (addresses.length === 0) {
        done(nameError("ENOTFOUND", "getaddrinfo", name), []);
        return;
      }
      this.keep(place, asked, addresses, records?.ttl ?? 0);
      done(null, this.inOrder(addresses));
    });
  }

  /** @internal As name servers are asked. */
  query(
    place: Place,
    name: string,
    type: string,
    done: (error: Error | null, records: readonly unknown[]) => void,
  ): Abandon {
    const asked = key(name);
    const syscall = `query${type.slice(0, 1).toUpperCase()}${type.slice(1).toLowerCase()}`;
    const fail = (code: string, ms: number): Abandon => this.answer(ms, () => done(nameError(code, syscall, name), []));
    if (!isName(asked)) return fail("EBADNAME", 0);
    switch (this.outage(place, asked)) {
      case "not-found":
        return fail("ENOTFOUND", this.latency);
      case "silence":
        return fail("ETIMEOUT", QUERY_PATIENCE);
      case "fault":
        return fail("ESERVFAIL", this.latency);
      case "refused":
        return fail("ECONNREFUSED", this.latency);
    }
    return this.answer(this.latency, () => {
      const found = this.records(asked, type.toUpperCase());
      if (typeof found === "string") done(nameError(found, syscall, name), []);
      else done(null, found);
    });
  }

  private records(asked: string, type: string): readonly unknown[] | "ENOTFOUND" | "ENODATA" {
    if (type === "PTR" && this.pointers.has(asked)) return this.pointers.get(asked) as string[];
    if (type === "CNAME") {
      const own = this.own.get(asked) ?? this.places.get(asked);
      if (own === undefined) return "ENOTFOUND";
      return own.cname === undefined ? "ENODATA" : [own.cname];
    }
    const { records } = this.find(asked);
    if (records === undefined) return "ENOTFOUND";
    const family = type === "A" ? 4 : type === "AAAA" ? 6 : undefined;
    if (family !== undefined) {
      const addresses = (records.addresses ?? []).map(resolved).filter((one) => one.family === family);
      return addresses.length === 0 ? "ENODATA" : this.inOrder(addresses).map(({ address }) => address);
    }
    const found = records.records?.[type] ?? [];
    if (found.length === 0) return "ENODATA";
    return type === "TXT" ? found.map((text) => (typeof text === "string" ? [text] : text)) : found;
  }

  /** What a name stands for, behind its aliases. */
  private find(asked: string): { readonly records: NameRecords | undefined } {
    let name = asked;
    for (let i = 0; i < MOST_ALIASES; i++) {
      const records = this.own.get(name) ?? this.places.get(name);
      if (records?.cname === undefined || records.addresses !== undefined) return { records };
      name = key(records.cname);
    }
    return { records: undefined };
  }

  private outage(place: Place, asked: string): NameFailure | undefined {
    const found = this.outages.findLast(
      (one) => (one.name === undefined || one.name === asked) && (one.place === undefined || one.place === place.name),
    );
    return found?.how;
  }

  private keep(place: Place, asked: string, addresses: readonly ResolvedAddress[], ttl: number): void {
    if (ttl <= 0) return;
    let cache = this.caches.get(place.name);
    if (cache === undefined) this.caches.set(place.name, (cache = new Map()));
    cache.set(asked, { until: this.core.clockwork.time + ttl, addresses });
  }

  private inOrder(addresses: readonly ResolvedAddress[]): readonly ResolvedAddress[] {
    if (addresses.length < 2 || !(this.shuffles ?? this.drawn())) return addresses;
    const first = this.core.clockwork.choices.choose("names", addresses.length, "first address");
    return [...addresses.slice(first), ...addresses.slice(0, first)];
  }

  private answer(ms: number, say: () => void): Abandon {
    const later = this.core.after(ms, say);
    return () => this.core.withdraw(later);
  }
}

const LOCAL: readonly ResolvedAddress[] = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

function resolved(address: string): ResolvedAddress {
  const plain = plainAddress(address);
  return { address: plain, family: familyOf(plain) as 4 | 6 };
}

function key(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** RFC 1035, 2.3.4. */
function isName(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => label.length >= 1 && label.length <= 63);
}
