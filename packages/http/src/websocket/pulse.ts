/**
 * The heartbeat: a peer that is gone without a word (a cable pulled, a lid closed) says nothing, and neither does TCP for
 * hours. So a silence is ended by a Ping, and a silence after that is taken for the end.
 *
 * Any byte of the peer is a sign of life. And only silence that was listened to counts: while nobody reads from the socket
 * the peer is held back, and may have answered long ago.
 */

/** When to ask, and how long to wait for an answer. */
export interface HeartbeatOptions {
  /** After how much silence a Ping is sent, in ms: 30,000 where nothing is said. */
  readonly every?: number | undefined;
  /** How long the peer has to say anything after that, in ms: 20,000 where nothing is said. */
  readonly timeout?: number | undefined;
}

/** There is nothing to do yet. */
export const WAIT = 0;
/** Send a Ping. */
export const ASK = 1;
/** The peer is gone. */
export const GONE = 2;

export class Pulse {
  readonly every: number;
  readonly timeout: number;
  /** When to look next, in ms of the loop's clock. */
  at: number;
  private heardAt: number;
  private listeningSince: number;
  private askedAt: number;

  constructor(options: HeartbeatOptions, now: number) {
    this.every = options.every ?? 30_000;
    this.timeout = options.timeout ?? 20_000;
    for (const [name, ms] of [
      ["every", this.every],
      ["timeout", this.timeout],
    ] as const)
      if (!(ms > 0))
        throw new RangeError(
          `heartbeat.${name} is a time in ms, more than 0, not ${String(ms)}: give \`false\` for no heartbeat`,
        );
    this.at = now + this.every;
    this.heardAt = now;
    this.listeningSince = now;
    this.askedAt = -1;
  }

  /** Somebody listens again. */
  listen(now: number): void {
    this.listeningSince = now;
  }

  heard(now: number): void {
    this.heardAt = now;
    this.askedAt = -1;
  }

  /** The time `at` has come: what now? */
  beat(now: number): typeof WAIT | typeof ASK | typeof GONE {
    if (this.askedAt < 0) {
      const due = this.heardAt + this.every;
      if (now < due) {
        this.at = due;
        return WAIT;
      }
      this.askedAt = now;
      this.at = now + this.timeout;
      return ASK;
    }
    const due = Math.max(this.askedAt, this.listeningSince) + this.timeout;
    if (now < due) {
      this.at = due;
      return WAIT;
    }
    return GONE;
  }
}
