/**
 * TLS as a service of the host: what differs between a world that has a library for it (Node) and one that has none.
 *
 * An engine takes a transport over and gives another one on top of it. It does not care what the transport is: a socket, two
 * ends in memory, a wire of the simulator, TLS again. All in callbacks, like the network (network.ts); the operations that
 * users see are built on it once for all worlds (tls.ts).
 */
import type { Host } from "../loop/host.ts";
import type { Abandon } from "./network.ts";
import type { ClientSettings, ServerSettings, TlsInfo } from "./tls-options.ts";
import type { Transport } from "./transport.ts";

/** What a handshake ends in. */
export interface Secured {
  /** Plain bytes, over the transport that was taken over. It has not begun to read. */
  readonly transport: Transport;
  readonly info: TlsInfo;
}

/** One side's settings, ready for use: certificates are read, keys have been found to fit. */
export interface TlsEngine {
  /**
   * Takes the transport over and shakes hands; `early` came before and belongs to it. A handshake that fails, or is
   * withdrawn, takes the transport with it. `done` gets a `TlsError`.
   */
  start(transport: Transport, early: Uint8Array, done: (error: Error | null, secured: Secured | null) => void): Abandon;
}

/** What a host brings that knows TLS: `host.service("tls")`. */
export interface TlsService {
  /** Throws a `TypeError` for certificates or keys that cannot be used. */
  client(settings: ClientSettings): TlsEngine;
  server(settings: ServerSettings): TlsEngine;
}

let fallback: TlsService | undefined;

/** The TLS of hosts that bring none of their own; set by the entry point `rondo/net` on Node. */
export function setDefaultTls(service: TlsService): void {
  fallback = service;
}

/** The TLS of a loop's host. */
export function tlsOf(host: Host): TlsService {
  const service = (host.service?.("tls") as TlsService | undefined) ?? fallback;
  if (service === undefined) throw new Error("this host has no TLS");
  return service;
}
