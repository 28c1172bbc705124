/**
 * `rondo/net`: byte streams, and what makes them: TCP, Unix sockets, TLS, UDP, names.
 */
export type { Address, Sink, Transport } from "./transport.ts";
export type { Network } from "./network.ts";
export { type Backoff, exponential, type ExponentialOptions, type FailedTry } from "./backoff.ts";
export { rateLimit, type RateLimited, type RateLimitOptions, type RateLimitStatistics } from "./rate-limit.ts";
export { retry, type Retry, type RetryOptions } from "./retry.ts";
