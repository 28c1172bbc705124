/**
 * Names: what the system makes of them, and what name servers say.
 *
 * Two ways that are not the same: `resolve` asks the system, as every other program on the machine does (`/etc/hosts`, the
 * local network, name servers); the others ask name servers and nobody else.
 *
 * A wait that is cancelled is over at once. On Node a query to a name server is stopped with it; what the system looks up
 * cannot be stopped and occupies one of four threads until it has an answer, which nobody sees.
 */
import { type Coroutine, LateError } from "../coroutine/wait.ts";
import { currentLoop } from "../loop/sleep.ts";
import { suspend } from "../task/suspend.ts";
import { familyOf } from "./address.ts";
import { lookedUp, withdrawing } from "./connect.ts";
import { fromSystemError } from "./errors.ts";
import { networkOf, type ResolvedAddress } from "./network.ts";

/** A mail server of a domain. */
export interface MxRecord {
  /** The lowest is tried first. */
  readonly priority: number;
  readonly exchange: string;
}

/** Where a service of a domain is. */
export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  /** The lowest is tried first. */
  readonly priority: number;
  /** Among those of one priority: how often this one should be chosen. */
  readonly weight: number;
}

/**
 * The addresses of a name, in the order in which the system would try them; an address stands for itself. A switch point,
 * unless it is an address.
 *
 * Throws a `SystemError` with the code `ENOTFOUND` where there is no such name, `EAI_AGAIN` where nobody could be asked.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { resolve } from "rondo/net";
 *
 * console.log(await run(() => resolve("::1"))); // prints: [ { address: '::1', family: 6 } ]
 * ```
 */
export function* resolve(
  name: string,
  options: { readonly family?: 4 | 6 | undefined } = {},
): Coroutine<ResolvedAddress[]> {
  checkName(name, "resolve()");
  const literal = familyOf(name);
  let found: readonly ResolvedAddress[];
  if (literal !== undefined) found = [{ address: name, family: literal }];
  else {
    try {
      found = yield* lookedUp(networkOf(currentLoop("resolve()").host), name);
    } catch (error) {
      throw fromSystemError(error, `resolve ${name}`);
    }
  }
  const { family } = options;
  return family === undefined ? [...found] : found.filter((one) => one.family === family);
}

/**
 * The records of a type (`"CAA"`, `"SOA"`, `"NAPTR"`, …) that the name servers have for a name, in the shape in which
 * `node:dns` gives them. A switch point. The functions for the common types have results of their own.
 *
 * Throws a `SystemError`: `ENOTFOUND` where there is no such name, `ENODATA` where it has no such records, `ETIMEOUT` and
 * `ECONNREFUSED` where no name server answered, `EBADNAME` for what cannot be a name.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { resolveRecords, SystemError } from "rondo/net";
 *
 * try {
 *   await run(() => resolveRecords("not..a.name", "CAA"));
 * } catch (error) {
 *   if (error instanceof SystemError) console.log(error.code); // prints: EBADNAME
 * }
 * ```
 */
export function* resolveRecords<T = unknown>(name: string, type: string): Coroutine<T[]> {
  checkName(name, "resolveRecords()");
  const network = networkOf(currentLoop("resolveRecords()").host);
  const what = `look up ${type} of ${name}`;
  return yield* suspend<T[]>(
    (wake, fail) =>
      withdrawing(
        network.query(name, type, (error, records) => {
          if (error === null) wake([...records] as T[]);
          else fail(new LateError(() => fromSystemError(error, what)));
        }),
      ),
    what,
  );
}

/**
 * The IPv4 addresses that name servers have for a name. A switch point. Throws as {@link resolveRecords}.
 *
 * @example
 * ```ts
 * import { all, run } from "rondo";
 * import { resolve4, resolve6, type SystemError } from "rondo/net";
 *
 * function* addresses(name: string) {
 *   const [six, four] = yield* all([resolve6(name), resolve4(name)]);
 *   return [...six, ...four];
 * }
 * try {
 *   await run(() => addresses("not..a.name"));
 * } catch (error) {
 *   console.log((error as SystemError).code); // prints: EBADNAME
 * }
 * ```
 */
export function resolve4(name: string): Coroutine<string[]> {
  return resolveRecords<string>(name, "A");
}

/**
 * The IPv6 addresses that name servers have for a name. A switch point. Throws as {@link resolveRecords}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { resolve6, SystemError } from "rondo/net";
 *
 * function* speaksIPv6(name: string) {
 *   try {
 *     return (yield* resolve6(name)).length > 0;
 *   } catch (error) {
 *     if (error instanceof SystemError) return false; // no such name, or no such record
 *     throw error;
 *   }
 * }
 * console.log(await run(() => speaksIPv6("not..a.name"))); // prints: false
 * ```
 */
export function resolve6(name: string): Coroutine<string[]> {
  return resolveRecords<string>(name, "AAAA");
}

/**
 * The name that a name is an alias of. A switch point. Throws as {@link resolveRecords}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { resolveCname } from "rondo/net";
 *
 * function* realName(name: string) {
 *   try {
 *     return (yield* resolveCname(name))[0];
 *   } catch {
 *     return name; // it is no alias
 *   }
 * }
 * console.log(await run(() => realName("not..an.alias"))); // prints: not..an.alias
 * ```
 */
export function resolveCname(name: string): Coroutine<string[]> {
  return resolveRecords<string>(name, "CNAME");
}

/**
 * The name servers of a domain. A switch point. Throws as {@link resolveRecords}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { resolveNs, SystemError } from "rondo/net";
 *
 * try {
 *   await run(() => resolveNs("not..a.domain"));
 * } catch (error) {
 *   console.log((error as SystemError).code); // prints: EBADNAME
 * }
 * ```
 */
export function resolveNs(name: string): Coroutine<string[]> {
  return resolveRecords<string>(name, "NS");
}

/**
 * The texts of a name. One that was cut into pieces of 255 bytes, as the format demands, is given whole. A switch point.
 * Throws as {@link resolveRecords}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { resolveTxt } from "rondo/net";
 *
 * // Who may send mail for a domain, as it says itself (RFC 7208).
 * function* senders(domain: string) {
 *   try {
 *     return (yield* resolveTxt(domain)).find((text) => text.startsWith("v=spf1 "));
 *   } catch {
 *     return undefined; // it says nothing
 *   }
 * }
 * console.log(await run(() => senders("not..a.domain"))); // prints: undefined
 * ```
 */
export function* resolveTxt(name: string): Coroutine<string[]> {
  const records = yield* resolveRecords<readonly string[]>(name, "TXT");
  return records.map((pieces) => pieces.join(""));
}

/**
 * The mail servers of a domain, the first to try first. A switch point. Throws as {@link resolveRecords}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { resolveMx } from "rondo/net";
 *
 * function* mailServers(domain: string) {
 *   try {
 *     return (yield* resolveMx(domain)).map(({ exchange }) => exchange);
 *   } catch {
 *     return [domain]; // then the domain itself takes mail (RFC 5321, 5.1)
 *   }
 * }
 * console.log(await run(() => mailServers("not..a.domain"))); // prints: [ 'not..a.domain' ]
 * ```
 */
export function* resolveMx(name: string): Coroutine<MxRecord[]> {
  const records = yield* resolveRecords<MxRecord>(name, "MX");
  return records.map(({ priority, exchange }) => ({ priority, exchange })).toSorted((a, b) => a.priority - b.priority);
}

/**
 * Where a service is, such as `_imaps._tcp.example.org`: the lowest priority first, and among equals the heaviest first
 * (RFC 2782 would draw lots by weight). A switch point. Throws as {@link resolveRecords}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { resolveSrv } from "rondo/net";
 *
 * function* imapServer(domain: string) {
 *   try {
 *     const [first] = yield* resolveSrv(`_imaps._tcp.${domain}`);
 *     if (first !== undefined) return `${first.name}:${first.port}`;
 *   } catch {
 *     // it announces none
 *   }
 *   return `imap.${domain}:993`;
 * }
 * console.log(await run(() => imapServer("not..a.domain"))); // prints: imap.not..a.domain:993
 * ```
 */
export function* resolveSrv(name: string): Coroutine<SrvRecord[]> {
  const records = yield* resolveRecords<SrvRecord>(name, "SRV");
  return records
    .map(({ name: target, port, priority, weight }) => ({ name: target, port, priority, weight }))
    .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight);
}

/**
 * The names of an IP address. A switch point. Throws a `TypeError` for what is no address, else as {@link resolveRecords}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { reverse } from "rondo/net";
 *
 * try {
 *   await run(() => reverse("example.org"));
 * } catch (error) {
 *   console.log((error as Error).message); // prints: reverse() takes an IP address, not example.org
 * }
 * ```
 */
export function reverse(address: string): Coroutine<string[]> {
  return resolveRecords<string>(reverseName(address), "PTR");
}

/** The name under which name servers keep the names of an address (RFC 1035, 3.5; RFC 3596, 2.5). */
export function reverseName(address: string): string {
  const family = familyOf(address);
  if (family === 4) return `${address.split(".").toReversed().join(".")}.in-addr.arpa`;
  if (family !== 6) throw new TypeError(`reverse() takes an IP address, not ${String(address)}`);
  return `${[...nibbles(address)].toReversed().join(".")}.ip6.arpa`;
}

/** The 32 hexadecimal digits of an IPv6 address. */
function nibbles(address: string): string {
  let text = address.replace(/%.*$/, "").toLowerCase();
  // The last 32 bits may be written as IPv4.
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted !== null) {
    const [, a, b, c, d] = dotted.map(Number) as [number, number, number, number, number];
    text = `${text.slice(0, dotted.index)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [before = "", after] = text.split("::", 2);
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const groups =
    after === undefined
      ? head
      : [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => "0"), ...tail];
  const digits = groups.map((group) => group.padStart(4, "0")).join("");
  if (!/^[0-9a-f]{32}$/.test(digits)) throw new TypeError(`reverse() takes an IP address, not ${address}`);
  return digits;
}

function checkName(name: unknown, what: string): void {
  if (typeof name !== "string" || name === "") throw new TypeError(`${what} takes a name, not ${String(name)}`);
}
