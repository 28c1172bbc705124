/** What wakes the sender of a wire that waits for room: the first acknowledgement that makes some. */
import type { Timed } from "../loop/timers.ts";
import type { Wire } from "./net-wire.ts";

export class Acks implements Timed {
  slot: number;
  private readonly wire: Wire;

  constructor(wire: Wire) {
    this.slot = -1;
    this.wire = wire;
  }

  fire(): void {
    this.wire.acknowledged();
  }
}
