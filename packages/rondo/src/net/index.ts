/**
 * `rondo/net`: byte streams, and what makes them: TCP, Unix sockets, TLS, UDP, names.
 */
export type { Address, Sink, Transport } from "./transport.ts";
export type { Network } from "./network.ts";
export {
  ByteStream,
  type ByteStreamOptions,
  type ByteStreamStatistics,
  type ReadUntilOptions,
  type Writable,
} from "./stream.ts";
export { type LinesOptions } from "./lines.ts";
export { memoryPair, type MemoryPairOptions } from "./memory.ts";
export {
  type ConnectAttempt,
  ConnectError,
  fromSystemError,
  IncompleteError,
  LimitError,
  SystemError,
  TlsError,
} from "./errors.ts";
export { type Backoff, exponential, type ExponentialOptions, type FailedTry } from "./backoff.ts";
export { rateLimit, type RateLimited, type RateLimitOptions, type RateLimitStatistics } from "./rate-limit.ts";
export { retry, type Retry, type RetryOptions } from "./retry.ts";
