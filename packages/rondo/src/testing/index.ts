/**
 * `rondo/testing`: the suites that Rondo's own streams, locks and channels pass, for those who write others.
 */
export type { Check } from "./check.ts";
export type { CheckedStream, MakePair, StreamCheckOptions } from "./pair.ts";
export { checkStream, streamChecks } from "./stream-checks.ts";
export { checkHalfCloseable, halfCloseableChecks } from "./half-close-checks.ts";
export { type CheckedLock, checkLock, type LockCheckOptions, lockChecks, type MakeLock } from "./lock-checks.ts";
export { type CheckedChannel, channelChecks, checkChannel, type MakeChannel } from "./channel-checks.ts";
