/**
 * `rondo/net`: byte streams, and what makes them: TCP, Unix sockets, TLS, UDP, names.
 */
import { defaultNetwork, defaultTls } from "#network";
import { setDefaultNetwork } from "./network.ts";
import { setDefaultTls } from "./tls-service.ts";

if (defaultNetwork !== undefined) setDefaultNetwork(defaultNetwork);
if (defaultTls !== undefined) setDefaultTls(defaultTls);

export type { Address, Loan, Sink, Transport } from "./transport.ts";
export type {
  Datagram,
  DatagramDoor,
  DatagramSink,
  Endpoint,
  ListenerSink,
  ListeningDoor,
  ListenOptions,
  Network,
  ResolvedAddress,
} from "./network.ts";
export { connect, type ConnectOptions, connectUnix } from "./connect.ts";
export {
  listen,
  type ListenAt,
  type Listener,
  type ListenerStatistics,
  listenUnix,
  type ListenUnixOptions,
} from "./listen.ts";
export { connectTls, type ConnectTlsOptions, startTls, type StartTlsOptions, TlsStream } from "./tls.ts";
export {
  listenTls,
  type ListenTlsOptions,
  serveTls,
  type ServeTlsOptions,
  type TlsHandler,
  TlsListener,
  type TlsListenerStatistics,
} from "./tls-listen.ts";
export type {
  ClientSettings,
  Credentials,
  PeerCertificate,
  Pem,
  ServerSettings,
  TlsInfo,
  TlsSettings,
  TlsVersion,
} from "./tls-options.ts";
export type { Secured, TlsEngine, TlsService } from "./tls-service.ts";
export { type Handler, serve, type ServeOptions } from "./serve.ts";
export {
  type MxRecord,
  resolve,
  resolve4,
  resolve6,
  resolveCname,
  resolveMx,
  resolveNs,
  resolveRecords,
  resolveSrv,
  resolveTxt,
  reverse,
  type SrvRecord,
} from "./names.ts";
export {
  type DatagramTarget,
  udp,
  type UdpOptions,
  type UdpSettings,
  type UdpSocket,
  type UdpStatistics,
} from "./udp.ts";
export {
  ByteStream,
  type ByteStreamOptions,
  type ByteStreamStatistics,
  type ReadUntilOptions,
  type Writable,
} from "./stream.ts";
export { type LinesOptions } from "./lines.ts";
export { copy, type CopyOptions } from "./copy.ts";
export { memoryPair, type MemoryPairOptions } from "./memory.ts";
export {
  type ConnectAttempt,
  AddressRefusedError,
  ConnectError,
  fromSystemError,
  IncompleteError,
  LimitError,
  SystemError,
  type TlsCheck,
  TlsError,
  type TlsErrorOptions,
} from "./errors.ts";
export { type Backoff, exponential, type ExponentialOptions, type FailedTry } from "./backoff.ts";
export { rateLimit, type RateLimited, type RateLimitOptions, type RateLimitStatistics } from "./rate-limit.ts";
export { retry, type Retry, type RetryOptions } from "./retry.ts";
export { pool } from "./pool.ts";
export type { Pool } from "./pool-core.ts";
export { PoolClearedError } from "./pool-errors.ts";
export type { Lease } from "./pool-lease.ts";
export type { PoolDestroyReason, PoolEvent, PoolOptions, PoolRefusal, PoolStatistics } from "./pool-options.ts";
export { fromNodeStream, toNodeStream } from "#node-streams";
export { fromWebStream, toWebStream, type WebStreamPair } from "./web-streams.ts";
