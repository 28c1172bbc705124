/**
 * One direction of a connection: what is on its way, what came and is not acknowledged, and what waits for room.
 *
 * A run is a piece of the stream that arrives as one: a segment, or several that leave and arrive together. A direction
 * has one event at most in the world's heap for what is on its way (runs arrive in order, so it is that of the first one)
 * and one for acknowledgements, which is set only while the sender waits for room. What nobody waits for is looked up
 * later: an acknowledgement is a time in a list, not a packet.
 *
 * Nothing is ever missing or out of order, as with TCP. What is lost comes again after a time that doubles with each
 * attempt, and what comes behind it waits for it; after too many attempts the connection is dead (`ETIMEDOUT`).
 */
import type { Timed } from "../loop/timers.ts";
import { type Link, LOST } from "./links.ts";
import type { NetCore } from "./net-core.ts";
import { Acks } from "./net-acks.ts";
import { systemError } from "./net-errors.ts";
import { DATA, FIN, RST, type Run } from "./net-run.ts";
import type { TcpEnd } from "./tcp.ts";

/** The shortest time after which something is sent again, and the longest, in ms (Linux: TCP_RTO_MIN, TCP_RTO_MAX). */
const RTO_MIN = 200;
const RTO_MAX = 120_000;

export class Wire implements Timed {
  slot: number;
  readonly core: NetCore;
  readonly from: TcpEnd;
  to: TcpEnd;
  readonly link: Link;
  readonly back: Link;
  /** Sent, and not known to be read at the other end, in bytes. */
  private unread: number;
  /** What waits for room. */
  private waitHead: Run | null;
  private waitTail: Run | null;
  private waiting: number;
  /** On its way. */
  private head: Run | null;
  private tail: Run | null;
  /** The first of those on their way that will not arrive: it was lost, and what is behind it waits for it. */
  private stuck: Run | null;
  /** Taken at the other end; the sender does not know yet. */
  private ackHead: Run | null;
  private ackTail: Run | null;
  /** Acknowledgements do not come through. */
  private deaf: boolean;
  private readonly window: number;
  private readonly buffer: number;
  private lastAt: number;
  private rto: number;
  private tries: number;
  private retryAt: number;
  /** For when the event is set. */
  private eventAt: number;
  private firing: boolean;
  private finWanted: boolean;
  private finSent: boolean;
  private acks: Acks | null;

  constructor(core: NetCore, from: TcpEnd, to: TcpEnd, link: Link, back: Link) {
    this.slot = -1;
    this.core = core;
    this.from = from;
    this.to = to;
    this.link = link;
    this.back = back;
    this.unread = 0;
    this.waitHead = null;
    this.waitTail = null;
    this.waiting = 0;
    this.head = null;
    this.tail = null;
    this.stuck = null;
    this.ackHead = null;
    this.ackTail = null;
    this.deaf = false;
    this.window = link.window;
    this.buffer = Math.max(link.sendBuffer, link.window);
    this.lastAt = 0;
    this.rto = 0;
    this.tries = 0;
    this.retryAt = Infinity;
    this.eventAt = Infinity;
    this.firing = false;
    this.finWanted = false;
    this.finSent = false;
    this.acks = null;
  }

  /** Bytes that the sender's system has not taken yet. */
  get unsent(): number {
    const beyond = this.unread + this.waiting - this.buffer;
    if (beyond <= 0) return 0;
    this.collect(this.core.clockwork.time);
    return Math.max(0, this.unread + this.waiting - this.buffer);
  }

  // ---- sending ------------------------------------------------------------------------------------------------------

  /** Takes bytes that nobody else has. */
  send(bytes: Uint8Array): void {
    const run = this.core.takeRun();
    run.bytes = bytes;
    run.size = bytes.length;
    if (this.waitTail === null) this.waitHead = run;
    else this.waitTail.next = run;
    this.waitTail = run;
    this.waiting += run.size;
    this.pump();
  }

  /** After all that was sent, says that no more will come. */
  fin(): void {
    if (this.finWanted) return;
    this.finWanted = true;
    this.pump();
  }

  /** Lets go of what the sender's system has not taken. */
  dropUnsent(): void {
    let keep = this.waiting - this.unsent;
    this.waiting = keep;
    let last: Run | null = null;
    let run = this.waitHead;
    for (; run !== null && keep > 0; run = run.next) {
      if (run.size > keep) {
        run.bytes = (run.bytes as Uint8Array).subarray(0, keep);
        run.size = keep;
      }
      keep -= run.size;
      last = run;
    }
    if (last === null) this.waitHead = null;
    else last.next = null;
    this.waitTail = last;
    this.core.giveRuns(run);
  }

  /** Puts on its way what there is room for. */
  private pump(): void {
    const now = this.core.clockwork.time;
    if (this.ackHead !== null && this.ackHead.at <= now) this.collect(now);
    let run = this.waitHead;
    while (run !== null) {
      const room = this.window - this.unread;
      if (room <= 0) {
        this.listen();
        return;
      }
      const { link } = this;
      const most = run.size < room ? run.size : room;
      const size = link.plain ? most : link.slice(most);
      this.waiting -= size;
      this.unread += size;
      if (size === run.size) {
        this.waitHead = run.next;
        if (run.next === null) this.waitTail = null;
        run.next = null;
        this.launch(run, now);
      } else {
        const part = this.core.takeRun();
        const bytes = run.bytes as Uint8Array;
        part.bytes = bytes.subarray(0, size);
        part.size = size;
        run.bytes = bytes.subarray(size);
        run.size -= size;
        this.launch(part, now);
      }
      run = this.waitHead;
    }
    if (this.finWanted && !this.finSent) {
      this.finSent = true;
      this.say(FIN);
    }
  }

  /** Something without bytes. */
  say(kind: number): void {
    const run = this.core.takeRun();
    run.kind = kind;
    this.launch(run, this.core.clockwork.time);
  }

  private launch(run: Run, now: number): void {
    const { core, link } = this;
    const { size } = run;
    core.packets += size <= link.mss ? 1 : Math.ceil(size / link.mss);
    core.bytes += size;
    const first = this.head === null;
    if (this.tail === null) this.head = run;
    else this.tail.next = run;
    this.tail = run;
    if (this.stuck !== null) return;
    if (link.plain && !link.cut && !this.back.cut) {
      const at = now + link.latency;
      run.at = this.lastAt = at > this.lastAt ? at : this.lastAt;
      if (first) this.schedule();
      return;
    }
    if (!this.sendOff(run, now)) this.lose(run, now);
    // It may arrive, but nobody will hear of that.
    else if (this.back.cut && this.retryAt === Infinity) this.beginRetries(now);
    this.schedule();
  }

  /** Draws when it arrives; false where it is lost. */
  private sendOff(run: Run, now: number): boolean {
    const { link } = this;
    if (link.cut) return false;
    const at = link.fate(now, run.size);
    if (at === LOST) return false;
    const earliest = this.lastAt + (run.kind === DATA ? link.drip : 0);
    run.at = this.lastAt = at > earliest ? at : earliest;
    return true;
  }

  private lose(run: Run, now: number): void {
    this.core.lost++;
    this.stuck = run;
    if (this.retryAt === Infinity) this.beginRetries(now);
  }

  private beginRetries(now: number): void {
    this.tries = 0;
    this.rto = this.patience;
    this.retryAt = now + this.rto;
  }

  /** How long an answer is waited for at first. */
  private get patience(): number {
    return Math.min(RTO_MAX, RTO_MIN + 2 * (this.link.latency + this.back.latency));
  }

  // ---- arriving -----------------------------------------------------------------------------------------------------

  private schedule(): void {
    if (this.firing) return;
    const { head } = this;
    let at = this.retryAt;
    if (head !== null && head !== this.stuck && head.at < at) at = head.at;
    if (at === this.eventAt) return;
    this.eventAt = at;
    const { events } = this.core.clockwork;
    if (at === Infinity) events.remove(this);
    else events.set(this, at);
  }

  fire(): void {
    this.eventAt = Infinity;
    this.firing = true;
    const now = this.core.clockwork.time;
    if (this.retryAt <= now) this.retry(now);
    let run = this.head;
    if (run !== null && run !== this.stuck && run.at <= now) {
      const { to } = this;
      if (this.link.clogged) {
        this.link.hold(this);
        this.firing = false;
        return;
      }
      if (this.link.cut || to.system.dead) this.loseAll(now);
      else {
        while (run !== null && run !== this.stuck && run.at <= now) {
          this.head = run.next;
          if (run.next === null) this.tail = null;
          run.next = null;
          to.arrived(run);
          run = this.head;
        }
        to.speak();
      }
    }
    this.firing = false;
    this.schedule();
  }

  /** What was on its way does not arrive. */
  private loseAll(now: number): void {
    if (!this.from.retransmits) {
      this.clear();
      return;
    }
    this.lose(this.head as Run, now);
  }

  /** Nothing has been acknowledged for too long: it is sent again. */
  private retry(now: number): void {
    const { core, link, back, to } = this;
    if (!this.from.retransmits) {
      this.clear();
      return;
    }
    core.retransmitted++;
    const { stuck } = this;
    const reached = !link.cut && !to.system.dead;
    if (stuck !== null) {
      if (reached && this.sendOff(stuck, now)) {
        this.retryAt = Infinity;
        this.stuck = null;
        for (let run = stuck.next; run !== null; run = run.next) {
          if (this.sendOff(run, now)) continue;
          this.lose(run, now);
          break;
        }
        return;
      }
    } else if (reached && !back.cut) {
      this.retryAt = Infinity;
      // One that was closed in order still acknowledges what it had taken.
      if (!to.retransmits) to.wire.reset();
      else this.hear(now + link.latency + back.latency);
      return;
    }
    if (++this.tries > core.retries) {
      this.clear();
      core.timeouts++;
      this.from.failed(systemError("ETIMEDOUT", "read"));
      return;
    }
    this.rto = Math.min(RTO_MAX, this.rto * 2);
    this.retryAt = now + this.rto;
  }

  /** The way has changed, or the other end is no more: whoever waits for an answer now begins to doubt. */
  disturbed(): void {
    if (this.retryAt !== Infinity || !this.from.retransmits) return;
    const now = this.core.clockwork.time;
    const tail = this.ackTail;
    const onWay = tail !== null && tail.at > now;
    if (this.head === null && this.waitHead === null && !onWay) return;
    // An answer that was on its way is lost with the way.
    if (this.head === null) this.deaf = true;
    this.beginRetries(now);
    this.schedule();
  }

  /** All of it has been taken at the other end, and that is known here. */
  get settled(): boolean {
    const tail = this.ackTail;
    return (
      this.head === null &&
      this.waitHead === null &&
      (tail === null || tail.at <= this.core.clockwork.time) &&
      !this.deaf
    );
  }

  /** The link is free again: what was held is told. */
  released(): void {
    if (this.deaf) this.hear(this.core.clockwork.time + this.back.latency);
  }

  /** Tells the other end that there is no such connection; what is not on its way already is let go. */
  reset(): void {
    const { core, link } = this;
    const now = core.clockwork.time;
    core.packets++;
    core.resets++;
    core.giveRuns(this.waitHead);
    this.waitHead = null;
    this.waitTail = null;
    this.waiting = 0;
    this.finWanted = true;
    this.finSent = true;
    let at = link.cut ? LOST : link.fate(now, 0);
    // Nobody repeats a reset; but whatever the peer sends next draws another one, so that chance alone loses none.
    if (at === LOST && !link.cut) at = now + this.patience + link.latency;
    // It overtakes nothing but what was lost.
    const last = this.dropLost();
    this.retryAt = Infinity;
    this.deaf = false;
    if (at === LOST) {
      core.lost++;
      if (last === null) this.to.unheard();
    } else {
      const reset = core.takeRun();
      reset.kind = RST;
      reset.at = this.lastAt = Math.max(at, this.lastAt);
      if (last === null) this.head = reset;
      else last.next = reset;
      this.tail = reset;
    }
    this.schedule();
  }

  /** The sender is no more: what is on its way still arrives. */
  orphan(): void {
    const { core } = this;
    core.giveRuns(this.waitHead);
    this.waitHead = null;
    this.waitTail = null;
    this.waiting = 0;
    this.finWanted = true;
    this.finSent = true;
    this.retryAt = Infinity;
    if (this.stuck !== null && this.dropLost() === null) this.to.unheard();
    this.schedule();
  }

  /** What was lost is not sent again, nor what is behind it. Gives the last of those that are still on their way. */
  private dropLost(): Run | null {
    let last: Run | null = null;
    let run = this.head;
    for (; run !== null && run !== this.stuck; run = run.next) last = run;
    if (last === null) this.head = null;
    else last.next = null;
    this.tail = last;
    this.stuck = null;
    this.core.giveRuns(run);
    return last;
  }

  /** Lets go of everything. */
  clear(): void {
    const { core } = this;
    core.giveRuns(this.head);
    core.giveRuns(this.waitHead);
    core.giveRuns(this.ackHead);
    this.head = null;
    this.tail = null;
    this.stuck = null;
    this.waitHead = null;
    this.waitTail = null;
    this.waiting = 0;
    this.ackHead = null;
    this.ackTail = null;
    this.unread = 0;
    this.finWanted = true;
    this.finSent = true;
    this.retryAt = Infinity;
    this.schedule();
    if (this.acks !== null) core.clockwork.events.remove(this.acks);
    this.to.unheard();
  }

  // ---- acknowledgements ---------------------------------------------------------------------------------------------

  /** The other end has taken it. */
  taken(run: Run): void {
    const now = this.core.clockwork.time;
    run.bytes = null;
    run.at = Infinity;
    if (this.ackTail === null) this.ackHead = run;
    else this.ackTail.next = run;
    this.ackTail = run;
    if (this.back.cut || this.back.clogged || this.from.system.dead) {
      this.deaf = true;
      if (!this.back.clogged && this.retryAt === Infinity && this.from.retransmits) {
        this.beginRetries(now);
        this.schedule();
      }
    } else if (this.deaf) this.hear(now + this.back.latency);
    else {
      run.at = now + this.back.latency;
      if (this.waitHead !== null || this.from.full) this.listen();
    }
  }

  /** Acknowledgements come through again, and one says what all of them said. */
  private hear(at: number): void {
    this.deaf = false;
    if (this.stuck === null && this.retryAt !== Infinity) {
      this.retryAt = Infinity;
      this.schedule();
    }
    for (let run = this.ackHead; run !== null; run = run.next) if (run.at > at) run.at = at;
    this.listen();
  }

  /** The sender waits for room: it is told when there is some. */
  private listen(): void {
    const { ackHead } = this;
    if (ackHead === null || ackHead.at === Infinity) return;
    this.acks ??= new Acks(this);
    if (this.acks.slot < 0) this.core.clockwork.events.set(this.acks, ackHead.at);
  }

  /** @internal */
  acknowledged(): void {
    this.collect(this.core.clockwork.time);
    this.pump();
    if (this.waitHead !== null || this.from.full) this.listen();
    this.from.speak();
  }

  private collect(now: number): void {
    let run = this.ackHead;
    while (run !== null && run.at <= now) {
      const { next } = run;
      this.unread -= run.size;
      run.next = null;
      this.core.giveRuns(run);
      run = next;
    }
    this.ackHead = run;
    if (run === null) this.ackTail = null;
  }
}
