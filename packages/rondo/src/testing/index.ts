/**
 * `rondo/testing`: the suites that Rondo's own streams, locks and channels pass, for those who write others.
 */
export {};
