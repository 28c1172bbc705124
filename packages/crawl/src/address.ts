// Which addresses are not on the public Internet, and what they are instead.
//
// A list of sources, a redirect, a link in an article: strangers write all of them, and who makes requests for strangers can
// be sent into his own house: to the router's page, to a database that trusts whoever reaches it, to the service that
// hands a cloud machine its keys. Names do not tell, since a name stands for whatever its owner says at the moment. So an
// address is looked at here when it is about to be connected to, and never earlier.
//
// The table is that of the registries of special-purpose addresses (IANA; RFC 6890 and those that came after). IPv6 turns
// it round: of all its addresses only those of 2000::/3 are given out, so what is outside is refused unless it is known.
// Some IPv6 addresses are IPv4 addresses in disguise (RFC 4291, 6052, 3056, 4380): those are as good as what is in them.

import { BlockList, isIP, SocketAddress } from "node:net";

/** What the addresses of a network are, in words that stand behind "which is". */
const SPECIAL: readonly (readonly [what: string, ...networks: string[]])[] = [
  ["a loopback address", "127.0.0.0/8", "::1/128"],
  ["an address of a private network", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"],
  ["a link-local address", "169.254.0.0/16", "fe80::/10"],
  ["an address of a provider's own network", "100.64.0.0/10"],
  ["no address of anybody in particular", "0.0.0.0/8", "::/128"],
  ["a multicast address", "224.0.0.0/4", "ff00::/8"],
  ["the broadcast address", "255.255.255.255/32"],
  ["an address for documentation", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"],
  ["an address for measurements", "198.18.0.0/15", "2001:2::/48"],
  ["an address of a private translator", "64:ff9b:1::/48"],
  ["an address set aside for protocols", "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "5f00::/16"],
  ["a reserved address", "240.0.0.0/4"],
];

const LISTS = SPECIAL.map(([what, ...networks]) => {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    list.addSubnet(address, Number(prefix), family(address));
  }
  return { what, list };
});

/** The addresses that are given out. */
const GLOBAL = new BlockList();
GLOBAL.addSubnet("2000::", 3, "ipv6");

/**
 * Why an address is none of the public Internet, as words that follow "it is": `a loopback address`. `undefined` for one that
 * is. What is no IP address at all is none of it either.
 *
 * It is made to be the `refuse` of a client of `@rondo/http` and of `connect` in `rondo/net`.
 *
 * @example
 * ```ts
 * import { whyPrivate } from "@rondo/crawl";
 *
 * console.log(whyPrivate("127.0.0.1"), whyPrivate("93.184.215.14")); // prints: a loopback address undefined
 * console.log(whyPrivate("64:ff9b::a00:1")); // prints: an address of a private network (10.0.0.1, behind a translator)
 * ```
 */
export function whyPrivate(address: string): string | undefined {
  // fe80::1%eth0: the zone says through which of our interfaces, not where.
  const bare = address.split("%", 1)[0] as string;
  if (isIP(bare) === 0) return "no IP address";
  const kind = family(bare);
  const disguise = kind === "ipv6" ? undisguised(bare) : undefined;
  if (disguise !== undefined) {
    for (const inner of disguise.addresses) {
      const what = whyPrivate(inner);
      if (what !== undefined) return `${what} (${inner}, ${disguise.how})`;
    }
    return undefined;
  }
  for (const { what, list } of LISTS) if (list.check(bare, kind)) return what;
  if (kind === "ipv6" && !GLOBAL.check(bare, kind)) return "a reserved address";
  return undefined;
}

function family(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** The IPv4 addresses in an IPv6 one. */
interface Disguise {
  readonly addresses: readonly string[];
  readonly how: string;
}

function undisguised(address: string): Disguise | undefined {
  const [a, b, c, d, e, f, g, h] = groupsOf(address) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const zeros = c === 0 && d === 0 && e === 0;
  if (a === 0 && b === 0 && zeros && f === 0xffff) return { addresses: [v4(g, h)], how: "written as IPv6" };
  if (a === 0x64 && b === 0xff9b && zeros && f === 0) return { addresses: [v4(g, h)], how: "behind a translator" };
  if (a === 0x2002) return { addresses: [v4(b, c)], how: "through a 6to4 tunnel" };
  // The server, and the client with all its bits turned over.
  if (a === 0x2001 && b === 0)
    return { addresses: [v4(c, d), v4(g ^ 0xffff, h ^ 0xffff)], how: "through a Teredo tunnel" };
  return undefined;
}

function v4(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The eight groups of an IPv6 address that is one. */
function groupsOf(address: string): number[] {
  // In its shortest form, so a `::` stands in it at most once, and what is mapped from IPv4 ends like that.
  const text = new SocketAddress({ address, family: "ipv6" }).address.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, w, x, y, z) => `${pair(w, x)}:${pair(y, z)}`,
  );
  const [before = "", after] = text.split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}

function pair(high: string, low: string): string {
  return ((Number(high) << 8) | Number(low)).toString(16);
}
