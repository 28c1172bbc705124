/**
 * Names, by the system (`getaddrinfo`, which also knows `/etc/hosts`) and by name servers (c-ares).
 *
 * What the system looks up cannot be stopped: it sits in one of the four threads that Node has for such things, and its
 * answer is dropped when nobody wants it any more. A query to a name server can be: each has a resolver of its own, so
 * that stopping it stops no other.
 */
import dns from "node:dns";
import type { Abandon, ResolvedAddress } from "../network.ts";

export function lookup(
  name: string,
  done: (error: Error | null, addresses: readonly ResolvedAddress[]) => void,
): Abandon {
  let open = true;
  dns.lookup(name, { all: true, order: "verbatim" }, (error, addresses) => {
    if (!open) return;
    open = false;
    if (error !== null) done(error, []);
    else done(null, addresses as ResolvedAddress[]);
  });
  return () => {
    open = false;
  };
}

export function query(
  name: string,
  type: string,
  done: (error: Error | null, records: readonly unknown[]) => void,
): Abandon {
  const resolver = new dns.Resolver();
  resolver.setServers(dns.getServers());
  let open = true;
  resolver.resolve(name, type, (error, records) => {
    if (!open) return;
    open = false;
    if (error !== null) done(error, []);
    else done(null, Array.isArray(records) ? records : [records]);
  });
  return () => {
    if (!open) return;
    open = false;
    resolver.cancel();
  };
}
