/** What all parts of the simulated network share: the world's clock, what is counted, and pieces to use again. */
import type { Timed } from "../loop/timers.ts";
import type { Clockwork } from "./clockwork.ts";
import { Run } from "./net-run.ts";
import type { TcpEnd } from "./tcp.ts";

/** Attempts to send again before a connection is given up, as of Linux (tcp_retries2, tcp_syn_retries). */
const RETRIES = 15;
const SYN_RETRIES = 6;

/** How many pieces are kept to be used again. */
const KEPT = 65_536;

/** What a connection needs of the computer that it is on. */
export interface NetSystem {
  /** It has crashed and was not started again: it answers nothing. */
  readonly dead: boolean;
  /** The connections whose descriptors are open. */
  readonly ends: Set<TcpEnd>;
  /** A descriptor has been given back. */
  gone(end: TcpEnd): void;
}

export class NetCore {
  readonly clockwork: Clockwork;
  packets: number;
  bytes: number;
  lost: number;
  retransmitted: number;
  resets: number;
  timeouts: number;
  duplicated: number;
  connections: number;
  refused: number;
  retries: number;
  synRetries: number;
  private free: Run | null;
  private kept: number;

  constructor(clockwork: Clockwork) {
    this.clockwork = clockwork;
    this.packets = 0;
    this.bytes = 0;
    this.lost = 0;
    this.retransmitted = 0;
    this.resets = 0;
    this.timeouts = 0;
    this.duplicated = 0;
    this.connections = 0;
    this.refused = 0;
    this.retries = RETRIES;
    this.synRetries = SYN_RETRIES;
    this.free = null;
    this.kept = 0;
  }

  takeRun(): Run {
    const run = this.free;
    if (run === null) return new Run();
    this.free = run.next;
    this.kept--;
    run.next = null;
    return run;
  }

  /** A list of them; nobody uses them any more. */
  giveRuns(first: Run | null): void {
    for (let run = first; run !== null;) {
      const { next } = run;
      run.bytes = null;
      run.size = 0;
      run.kind = 0;
      run.next = this.free;
      if (this.kept < KEPT) {
        this.free = run;
        this.kept++;
      }
      run = next;
    }
  }

  /** For the story of the run. */
  tell(text: () => string): void {
    if (this.clockwork.telling) this.clockwork.tell(text());
  }

  /** Says something as the next event of the world, never inside the call. */
  later(act: () => void): Later {
    return this.after(0, act);
  }

  after(ms: number, act: () => void): Later {
    const later = new Later(act);
    const { events, time } = this.clockwork;
    events.set(later, time + ms);
    return later;
  }

  withdraw(event: Timed): void {
    this.clockwork.events.remove(event);
  }
}

/** Something rare that happens at a time. */
export class Later implements Timed {
  slot: number;
  private readonly act: () => void;

  constructor(act: () => void) {
    this.slot = -1;
    this.act = act;
  }

  fire(): void {
    this.act();
  }
}
