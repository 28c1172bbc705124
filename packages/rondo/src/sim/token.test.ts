import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Recording } from "./choices.ts";
import { decodeToken, encodeToken, isToken, TokenError } from "./token.ts";

const value = fc.oneof(fc.constant(0), fc.nat(3), fc.nat(1000), fc.integer({ min: 0, max: 2 ** 53 - 2 }));
const recordings = fc
  .array(fc.tuple(fc.string({ unit: "binary" }), fc.array(value, { maxLength: 200 })), { maxLength: 5 })
  .map((entries): Recording => new Map(entries));

/** As `Choices.record` gives them: no zeros at the end. */
function trimmed(recording: Recording): Map<string, readonly number[]> {
  return new Map([...recording].map(([name, values]) => [name, values.slice(0, values.findLastIndex((v) => v) + 1)]));
}

describe("replay tokens", () => {
  test("any recording comes back from its token, but for zeros at the ends of its streams", () => {
    fc.assert(
      fc.property(recordings, (recording) => {
        expect(decodeToken(encodeToken(recording))).toEqual(trimmed(recording));
      }),
      { numRuns: 400 },
    );
  });

  test("a token is safe in an URL and in a shell", () => {
    fc.assert(
      fc.property(recordings, (recording) => {
        expect(encodeToken(recording)).toMatch(/^[\w.-]+$/);
      }),
    );
  });

  test("streams keep their order and their names, whatever is in them", () => {
    const recording = new Map([
      ["link b>a", [1]],
      ["", [2]],
      ["schedule", [0, 0, 3]],
      ["日本 \0 \u{1f600}", [4]],
    ]);
    expect([...decodeToken(encodeToken(recording))]).toEqual([...recording]);
  });

  test("the token of nothing is the shortest", () => {
    expect(decodeToken(encodeToken(new Map()))).toEqual(new Map());
    expect(encodeToken(new Map()).length).toBeLessThanOrEqual(12);
  });

  test("many zeros cost next to nothing, and the picks of a random walk no more than they hold", () => {
    const rare: number[] = Array.from({ length: 100_000 }, () => 0);
    rare[36] = 1;
    rare[99_999] = 2;
    expect(encodeToken(new Map([["schedule", rare]])).length).toBeLessThan(40);
    // A thousand picks out of two, each as likely: 1,000 bits are 167 letters.
    let state = 1;
    const walk = Array.from({ length: 1000 }, () => (state = (state * 48_271) % 2_147_483_647) & 1);
    expect(encodeToken(new Map([["schedule", walk]])).length).toBeLessThan(230);
  });

  test("a token is found in the line breaks and spaces that copying leaves around it", () => {
    const recording = new Map([["data", [1, 2, 3]]]);
    expect(decodeToken(`\n  ${encodeToken(recording)} \r\n`)).toEqual(recording);
  });

  test("a token of another version says which, and what to do", () => {
    expect(() => decodeToken("rondo2.AAAA")).toThrow(TokenError);
    expect(() => decodeToken("rondo2.AAAA")).toThrow(
      'the replay token "rondo2.AAAA" is of version 2, and this is rondo/sim with tokens of version 1: ' +
        "replay it with the version of rondo that made it, or find the failure again by its seed",
    );
  });

  test("what is no token says so", () => {
    expect(() => decodeToken("hello")).toThrow('this is no replay token: "hello". A token begins with "rondo1."');
    expect(() => decodeToken("")).toThrow('this is no replay token: ""');
  });

  test("a token that was cut off or changed is not replayed as another story", () => {
    const token = encodeToken(new Map([["schedule", [1, 0, 2, 0, 0, 1, 5]]]));
    for (let length = "rondo1.".length; length < token.length; length++) {
      expect(() => decodeToken(token.slice(0, length))).toThrow(/is damaged: its checksum does not match/);
    }
    for (let i = "rondo1.".length; i < token.length; i++) {
      const changed = token.slice(0, i) + (token[i] === "A" ? "B" : "A") + token.slice(i + 1);
      expect(() => decodeToken(changed)).toThrow(TokenError);
    }
    expect(() => decodeToken(`${token}!`)).toThrow(TokenError);
  });

  test("a token is told from the name of a file", () => {
    expect(isToken(encodeToken(new Map()))).toBe(true);
    expect(isToken("rondo9.x")).toBe(true);
    expect(isToken("/tmp/rondo-replay-1.txt")).toBe(false);
    expect(isToken("rondo1/x")).toBe(false);
  });
});
