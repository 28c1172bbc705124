/**
 * The network as a service of the host: the few things that differ between Node, the simulator, and a browser that has
 * none of it. All in callbacks, so that one world needs no coroutines of another; the operations that users see are built
 * on it (connect.ts, listen.ts, udp.ts, names.ts), once for all worlds.
 *
 * Each call gives a function that withdraws it; after that nothing is called back, and what comes late is closed here.
 */
import type { Host } from "../loop/host.ts";
import type { Address, Transport } from "./transport.ts";

/**
 * Where to connect to, or to listen: an IP address and a port, or the path of a Unix socket. To listen on no address in
 * particular, the host is empty.
 */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

/** Withdraws what was asked for: nothing is called back any more, and what comes late is closed. */
export type Abandon = () => void;

/** What becomes of a listening socket. */
export interface ListenerSink {
  /** A connection; it has not begun to read. */
  accepted(transport: Transport): void;
  /** Connections that came and could not be taken (no descriptors left, above the limit), as far as they were seen. */
  dropped(count: number, error: Error | null): void;
  /** It is closed; with an error where nobody asked for that. */
  closed(error: Error | null): void;
}

/** A socket that listens, to be told what to do. Nothing is called back before `listen` has called `done`. */
export interface ListeningDoor {
  readonly address: Address;
  /** Stops and goes on accepting; connections wait in the system's queue meanwhile, where that is possible. */
  pause(): void;
  resume(): void;
  close(): void;
}

/** How a network is to listen. */
export interface ListenOptions {
  readonly backlog?: number | undefined;
  readonly reusePort?: boolean | undefined;
  readonly ipv6Only?: boolean | undefined;
  /** At a path: a socket file to which nobody listens is removed first. */
  readonly replaceStale?: boolean | undefined;
}

/** A datagram that came. */
export interface Datagram {
  readonly data: Uint8Array;
  readonly from: Address;
}

/** What becomes of a socket for datagrams. */
export interface DatagramSink {
  received(datagram: Datagram): void;
  /** The system has told of an error that does not end the socket: nobody listens at the address it is connected to. */
  failed(error: Error): void;
  closed(error: Error | null): void;
}

/** A socket for datagrams, to be told what to do. */
export interface DatagramDoor {
  readonly address: Address;
  send(data: Uint8Array, to: Address | undefined, done: (error: Error | null) => void): void;
  connect(to: Address, done: (error: Error | null) => void): void;
  disconnect(): void;
  join(group: string, via: string | undefined): void;
  leave(group: string, via: string | undefined): void;
  configure(options: {
    broadcast?: boolean;
    ttl?: number;
    multicastTtl?: number;
    loopback?: boolean;
    multicastInterface?: string;
  }): void;
  close(): void;
}

/** An address that a name stands for. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** What a host brings as its service `network`: another world is another one of these. */
export interface Network {
  /** One attempt to connect; `done` gets a transport that has not begun to read, or the error. */
  connect(
    to: Endpoint,
    options: { readonly localAddress?: string | undefined },
    done: (error: Error | null, transport: Transport | null) => void,
  ): Abandon;
  listen(
    at: Endpoint,
    options: ListenOptions,
    sink: ListenerSink,
    done: (error: Error | null, door: ListeningDoor | null) => void,
  ): Abandon;
  bind(
    at: { readonly host: string; readonly port: number; readonly reuseAddress?: boolean | undefined },
    sink: DatagramSink,
    done: (error: Error | null, door: DatagramDoor | null) => void,
  ): Abandon;
  /** The addresses of a name, in the order in which the system would try them. */
  lookup(name: string, done: (error: Error | null, addresses: readonly ResolvedAddress[]) => void): Abandon;
  /** A query to a name server: `A`, `AAAA`, `TXT`, `SRV`, `MX`, …; the records as `node:dns` shapes them. */
  query(name: string, type: string, done: (error: Error | null, records: readonly unknown[]) => void): Abandon;
}

let fallback: Network | undefined;

/** The network of hosts that bring none of their own; set by the entry point `rondo/net` on Node. */
export function setDefaultNetwork(network: Network): void {
  fallback = network;
}

/** The network of a loop's host. */
export function networkOf(host: Host): Network {
  const network = (host.service?.("network") as Network | undefined) ?? fallback;
  if (network === undefined) throw new Error("this host has no network");
  return network;
}
