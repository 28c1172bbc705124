import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BusyError, ClosedError, sleep } from "../index.ts";
import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { Recorder } from "../trace/index.ts";
import { LimitError, memoryPair } from "./index.ts";

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe("lines", () => {
  test("an encoding of one byte a character, and what is no UTF-8", async () => {
    await virtually(function* () {
      const [a, b] = memoryPair();
      yield* a.write(Uint8Array.of(0xe4, 10, 0xfc, 10, 0xe9));
      yield* a.end();
      expect(yield* b.lines({ encoding: "latin1" }).next()).toBe("ä");
      expect(yield* b.lines().toArray()).toEqual(["\ufffd", "\ufffd"]);
    });
  });

  // ISO-2022-JP reads the byte after the first half of a character as the other half, whatever it is.
  test("a line that breaks off within a character ends all the same, and none behind it is lost", async () => {
    const bytes = '\u001b$B$"\u001b(B\r\n\u001b$B$\n\u001b$B$"\n\nlast\n';
    await onEverySchedule(function* () {
      for (const cut of [0, 3, 13, bytes.length]) {
        const [a, b] = memoryPair();
        yield* a.write([bytes.slice(0, cut), bytes.slice(cut)]);
        yield* a.end();
        const lines = b.lines({ encoding: "iso-2022-jp" });
        expect([yield* lines.next(), yield* lines.next()]).toEqual(["あ", "\ufffd"]);
        // Those that were cut and not taken are there for whoever reads next.
        expect(text(yield* b.readExactly(8))).toBe('\u001b$B$"\n\nl');
        expect(yield* lines.toArray()).toEqual(["ast"]);
      }
    });
  });

  test("a flow that waits while another one reads is told so and goes on afterwards", async () => {
    await inGroup(function* (g) {
      const [a, b] = memoryPair();
      const reader = g.spawn(() => b.readExactly(3));
      yield* sleep(1);
      const lines = b.lines();
      expect(yield* thrownBy(() => lines.next())).toBeInstanceOf(BusyError);
      yield* a.write("abcone\ntwo\n");
      yield* reader;
      expect(yield* lines.next()).toBe("one");
      expect(yield* lines.next()).toBe("two");
    });
  });

  test("a mark of what was searched is forgotten when somebody else reads in between", async () => {
    await inGroup(function* (g) {
      const [a, b] = memoryPair();
      yield* a.write("0123456789");
      const lines = b.lines();
      const pull = g.spawn(() => lines.next());
      yield* sleep(1);
      pull.cancel();
      yield* pull.ended();
      yield* b.readExactly(10);
      yield* a.write("a\nb\nlonger than before");
      yield* sleep(1);
      expect(yield* lines.next()).toBe("a");
      expect(yield* lines.next()).toBe("b");
    });
  });

  test("however they are pulled, one by one or many, by one flow or another, each comes once and in its turn", async () => {
    const pull = fc.oneof(
      fc.constant({ how: "next" as const }),
      fc.record({ how: fc.constant("batch" as const), max: fc.integer({ min: 1, max: 9 }) }),
      fc.constant({ how: "batch" as const, max: Infinity }),
      fc.constant({ how: "until" as const }),
      fc.constant({ how: "other flow" as const }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom("a", "é", "\r"), maxLength: 12 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(pull, { minLength: 1, maxLength: 12 }),
        async (lines, window, pulls) => {
          const sent = lines.map((line) => `${line}x`); // so that none ends with a `\r`
          await inGroup(function* (g) {
            const [a, b] = memoryPair({ window });
            g.spawn(function* () {
              yield* a.write(sent.map((line) => `${line}\n`).join(""));
              yield* a.end();
            });
            const got: string[] = [];
            let flow = b.lines();
            for (let i = 0; got.length < sent.length; i++) {
              const one = pulls[i % pulls.length] as (typeof pulls)[0];
              if (one.how === "next") got.push((yield* flow.next()) as string);
              else if (one.how === "batch") got.push(...((yield* flow.batch(one.max)) as string[]));
              else if (one.how === "until") got.push(text(yield* b.readUntil("\n")).slice(0, -1));
              else {
                flow = b.lines();
                got.push((yield* flow.next()) as string);
              }
            }
            expect(got).toEqual(sent);
            expect(yield* flow.batch()).toBe(undefined);
          });
        },
      ),
    );
  });

  test("lines in hand are gone when the stream is closed", async () => {
    await virtually(function* () {
      const [a, b] = memoryPair();
      yield* a.write("one\ntwo\n");
      const lines = b.lines();
      expect(yield* lines.next()).toBe("one");
      b.abort();
      expect(yield* thrownBy(() => lines.next())).toBeInstanceOf(ClosedError);
    });
  });

  test("a `\\r` may be the half of a line end, and then it does not count", async () => {
    for (const [text, expected] of [
      ["abc\r\nd\n", ["abc", "d"]],
      ["abc\n", ["abc"]],
      ["\r\nabc", ["", "abc"]],
      ["abcd\n", "too long"],
      ["abcd\r\n", "too long"],
      ["abc\rd\n", "too long"],
      ["abc\r", "too long"],
    ] as const) {
      for (const window of [1, 2, 100]) {
        await inGroup(function* (g) {
          const [a, b] = memoryPair({ window });
          g.spawn(
            function* () {
              yield* a.write(text);
              yield* a.end();
            },
            { daemon: true },
          );
          if (expected === "too long")
            expect(yield* thrownBy(() => b.lines({ max: 3 }).toArray())).toBeInstanceOf(LimitError);
          else expect(yield* b.lines({ max: 3 }).toArray()).toEqual(expected);
        });
      }
    }
  });
});

describe("memoryPair", () => {
  test("what was sent before a close is read to its end, also by one that has heard that it can write no more", async () => {
    await onEverySchedule(function* () {
      const [a, b] = memoryPair();
      yield* a.write("last words");
      yield* a.close();
      expect(String(yield* thrownBy(() => b.write("too late")))).toContain("the peer has closed the connection");
      expect((yield* b.readExactly(10))?.length).toBe(10);
      expect(yield* b.read()).toBe(undefined);
    });
  });

  test("neither side sees what the other one does with its bytes", async () => {
    await virtually(function* () {
      const [a, b] = memoryPair();
      const mine = Uint8Array.of(1, 2, 3);
      yield* a.write(mine);
      mine[0] = 9;
      const theirs = (yield* b.read()) as Uint8Array;
      theirs[1] = 9;
      expect([...theirs]).toEqual([1, 9, 3]);
      expect([...mine]).toEqual([9, 2, 3]);
    });
  });

  test("what arrives is recorded as the doing of no task", async () => {
    const recorder = new Recorder();
    recorder.start();
    await virtually(function* () {
      const [a, b] = memoryPair();
      yield* a.write("x");
      yield* b.read();
    });
    recorder.stop();
    const arrivals = recorder.events().filter((event) => event.what === "ready" && event.name.startsWith("memory"));
    expect(arrivals.map((event) => event.task)).toEqual([0]);
  });
});
