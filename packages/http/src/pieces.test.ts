import { describe, expect, test } from "vitest";
import { Pieces } from "./pieces.ts";

describe("pieces", () => {
  test("are what they were, in order, whatever their sizes", () => {
    for (const sizes of [
      [],
      [0],
      [5],
      [1, 1, 1],
      [5000, 1, 2, 5000, 3],
      Array.from({ length: 40_000 }, () => 1),
      [1023, 1024, 1025],
      [0, 0, 7, 0],
    ]) {
      const pieces = new Pieces();
      const bytes = sizes.map((size, i) => new Uint8Array(size).fill(i % 251));
      for (const piece of bytes) pieces.push(piece);
      expect(pieces.size).toBe(sizes.reduce((sum, size) => sum + size, 0));
      expect(Buffer.compare(pieces.join(), Buffer.concat(bytes))).toBe(0);
    }
  });

  test("a single one is not copied", () => {
    const piece = Uint8Array.of(1, 2, 3);
    const pieces = new Pieces();
    pieces.push(piece);
    expect(pieces.join()).toBe(piece);
  });

  test("many small ones are kept in a few large ones", () => {
    const pieces = new Pieces();
    for (let i = 0; i < 100_000; i++) pieces.push(Uint8Array.of(i));
    expect((pieces as unknown as { whole: unknown[] }).whole.length).toBeLessThan(10);
  });
});
