/**
 * The rolling hash over everything that happened in a run: who was stepped, what it waits for now, when. Two runs that
 * should be the same are the same if their hashes are, and where they part is the first step at which these differ.
 */
export class StepHash {
  private high: number;
  private low: number;

  constructor() {
    this.high = 0x9e3779b9 | 0;
    this.low = 0x85ebca6b | 0;
  }

  /** Stirs a number in; of one that is no 32-bit integer only the low 32 bits count. */
  add(value: number): void {
    // Two lanes that stir each other: the multiply-and-rotate of Murmur3 (Austin Appleby, public domain).
    const k = Math.imul(value | 0, 0xcc9e2d51);
    const low = this.low ^ ((k << 15) | (k >>> 17));
    this.low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64 + this.high) | 0;
    this.high = Math.imul(this.high ^ this.low, 0x1b873593) ^ (this.high >>> 13);
  }

  /** The low half, for a step's place in a list. */
  get now(): number {
    return this.low;
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return hex(this.high) + hex(this.low);
  }
}

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, "0");
}
