/**
 * The heartbeat: a peer that is gone without a word (a cable pulled, a lid closed) says nothing, and neither does TCP for
 * hours. So a silence is ended by a Ping, and a silence after that is taken for the end.
 *
 * Any byte of the peer is a sign of life. And only silence that was listened to counts: while nobody reads from the socket
 * the peer is held back, and may have answered long ago.
 *
 * One task of a group looks after all its sockets, so that neither an idle socket nor a message costs a timer: a message
 * notes when it came, and whoever has been silent for long is found when its time is over. The same task hears when the
 * group is to stop, and tells the sockets of a server.
 */
import { type Coroutine, currentGroup, type Group, now, select, sleepUntil, stopping, WaitQueue } from "rondo";

/** When to ask, and how long to wait for an answer. */
export interface HeartbeatOptions {
  /** After how much silence a Ping is sent, in ms: 30,000 where nothing is said. */
  readonly every?: number | undefined;
  /** How long the peer has to say anything after that, in ms: 20,000 where nothing is said. */
  readonly timeout?: number | undefined;
}

/** Whose heart it is. */
export interface Patient {
  /** Whether somebody reads from it. */
  readonly reading: boolean;
  /** Sends a Ping, if that can be done at once. */
  ask(): void;
  /** It is gone: this is why. */
  giveUp(why: Error): void;
  /** The group is to stop: says Close, where it is to. True where that has still to be looked after. */
  goAway(): boolean;
  /** Goes on with that; gives when to look again. */
  goOn(time: number): number;
}

export class Pulse {
  readonly every: number;
  readonly timeout: number;
  /** When to look next, in ms of the loop's clock. */
  at: number;
  /** Somebody looks after it. */
  watched: boolean;
  private heardAt: number;
  private listeningSince: number;
  private askedAt: number;
  private patient: Patient | null;
  private watch: Watch | null;

  private leaving: boolean;

  /** `null`: no heartbeat, only somebody who hears when it is time to stop. */
  constructor(options: HeartbeatOptions | null) {
    this.every = options === null ? Infinity : (options.every ?? 30_000);
    this.timeout = options?.timeout ?? 20_000;
    for (const [name, ms] of [
      ["every", this.every],
      ["timeout", this.timeout],
    ] as const) {
      if (!(ms > 0))
        throw new RangeError(
          `heartbeat.${name} is a time in ms, more than 0, not ${String(ms)}: give \`false\` for no heartbeat`,
        );
    }
    this.at = Infinity;
    this.watched = false;
    this.heardAt = -1;
    this.listeningSince = -1;
    this.askedAt = -1;
    this.patient = null;
    this.watch = null;
    this.leaving = false;
  }

  /** From here on it is looked after, as long as the group around lasts. */
  begin(patient: Patient): void {
    const time = now();
    if (this.heardAt < 0) this.heardAt = time;
    this.listeningSince = time;
    this.patient = patient;
    this.at = time + (this.askedAt < 0 ? this.every : this.timeout);
    this.watched = true;
    this.watch = watchOf(currentGroup());
    this.watch.add(this);
  }

  end(): void {
    this.watch?.remove(this);
    this.forget();
  }

  forget(): void {
    this.watched = false;
    this.watch = null;
  }

  /** Something has come. */
  heard(time: number): void {
    this.heardAt = time;
    this.askedAt = -1;
  }

  /** The group is to stop. */
  stop(time: number): void {
    if (this.leaving || !(this.patient as Patient).goAway()) return;
    this.leaving = true;
    this.at = time;
  }

  /** The time `at` has come: what now? */
  beat(time: number): void {
    const patient = this.patient as Patient;
    if (this.leaving) {
      this.at = patient.goOn(time);
      return;
    }
    // Nobody listens: what silence there is says nothing.
    if (!patient.reading) this.listeningSince = time;
    if (this.askedAt < 0) {
      const due = Math.max(this.heardAt, this.listeningSince) + this.every;
      this.at = due;
      if (time < due) return;
      this.askedAt = time;
      this.at = time + this.timeout;
      patient.ask();
      return;
    }
    const due = Math.max(this.askedAt, this.listeningSince) + this.timeout;
    this.at = due;
    if (time >= due) patient.giveUp(new Error(`it has not answered a Ping within ${this.timeout} ms`));
  }
}

const watches = new WeakMap<Group, Watch>();

function watchOf(g: Group): Watch {
  let watch = watches.get(g);
  if (watch === undefined) {
    watch = new Watch(g);
    watches.set(g, watch);
  }
  return watch;
}

/** Looks after the sockets of one group. */
class Watch {
  private readonly pulses: Set<Pulse>;
  private readonly news: WaitQueue;
  private next: number;
  private stopped: boolean;

  constructor(g: Group) {
    this.pulses = new Set();
    this.news = new WaitQueue();
    this.next = Infinity;
    this.stopped = false;
    g.spawn(() => this.run(g), { name: "heartbeats", daemon: true });
  }

  add(pulse: Pulse): void {
    this.pulses.add(pulse);
    if (pulse.at < this.next || this.stopped) this.news.unpark();
  }

  remove(pulse: Pulse): void {
    this.pulses.delete(pulse);
    if (this.pulses.size === 0) this.news.unpark();
  }

  private *run(g: Group): Coroutine<void> {
    try {
      while (this.pulses.size > 0) {
        this.next = Infinity;
        const time = now();
        for (const pulse of this.pulses) {
          if (this.stopped) pulse.stop(time);
          if (time >= pulse.at) pulse.beat(time);
          if (pulse.at < this.next) this.next = pulse.at;
        }
        if (this.pulses.size === 0) break;
        const arms = { time: sleepUntil(this.next), news: this.news.park("a socket") };
        const { key } = yield* this.stopped ? select(arms) : select({ ...arms, stop: stopping() });
        if (key === "stop") this.stopped = true;
      }
    } finally {
      watches.delete(g);
      // Whoever goes on in another group is looked after there.
      for (const pulse of this.pulses) pulse.forget();
    }
  }
}
