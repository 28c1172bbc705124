/** The ports that a system gives out by itself, one after the other (Linux: ip_local_port_range). */

const FIRST = 32_768;
const LAST = 60_999;

export class Ports {
  private readonly taken: Set<number>;
  private next: number;

  constructor() {
    this.taken = new Set();
    this.next = FIRST;
  }

  /** A port that is free and fits; 0 where there is none. */
  take(fits: (port: number) => boolean): number {
    for (let tries = FIRST; tries <= LAST; tries++) {
      const port = this.next;
      this.next = port === LAST ? FIRST : port + 1;
      if (this.taken.has(port) || !fits(port)) continue;
      this.taken.add(port);
      return port;
    }
    return 0;
  }

  give(port: number): void {
    this.taken.delete(port);
  }

  clear(): void {
    this.taken.clear();
  }
}
