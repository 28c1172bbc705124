/**
 * `rondo/net`: byte streams, and what makes them: TCP, Unix sockets, TLS, UDP, names.
 */
export type { Address, Sink, Transport } from "./transport.ts";
export type { Network } from "./network.ts";
