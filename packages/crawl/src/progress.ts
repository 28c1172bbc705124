// How far a run is: numbers that the work keeps and anyone may look at, at any time and as often as they like. The work
// calls nobody back, so a slow screen never slows it down.

/** Counts of a run. `waiting`, `running`, `done`, `unchanged`, `notDue` and `failed` add up to `total`, unless it was cancelled. */
export class Progress {
  /** Sources in all. */
  total: number;
  /** Not begun yet. */
  waiting: number;
  /** With a memory: until it is written down. */
  running = 0;
  done = 0;
  /** Answered that there is nothing new. */
  unchanged = 0;
  /** Not asked: it is too early. */
  notDue = 0;
  failed = 0;
  /** Of those running: between two tries. */
  backingOff = 0;
  /** Bytes of body that have come, after decompression. */
  bytes = 0;
  /** What all sources together have waited for the network, in ms. */
  waited = 0;

  constructor(total: number) {
    this.total = total;
    this.waiting = total;
  }
}
