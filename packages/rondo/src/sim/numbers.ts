/**
 * Very many whole numbers, most of them small, in little memory: a run of an hour draws millions of them, and an array
 * would take eight bytes for each.
 */
export class Numbers {
  length: number;
  private kept: Uint16Array | Float64Array;

  constructor() {
    this.length = 0;
    this.kept = new Uint16Array(16);
  }

  push(value: number): void {
    if (this.length === this.kept.length) this.grow(this.kept.length * 2);
    if (value > 65_535 && this.kept instanceof Uint16Array) {
      const wide = new Float64Array(this.kept.length);
      wide.set(this.kept);
      this.kept = wide;
    }
    this.kept[this.length++] = value;
  }

  /** The first so many of them; all, where nothing is said. */
  toArray(count: number = this.length): number[] {
    return Array.from(this.kept.subarray(0, count));
  }

  /** How many there are without the zeros at the end. */
  get significant(): number {
    let count = this.length;
    while (count > 0 && this.kept[count - 1] === 0) count--;
    return count;
  }

  private grow(size: number): void {
    const more = this.kept instanceof Uint16Array ? new Uint16Array(size) : new Float64Array(size);
    more.set(this.kept);
    this.kept = more;
  }
}
