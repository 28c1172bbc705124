/**
 * What a stream of bytes has to do, whatever carries it: memory, TCP, a pipe, TLS, one of yours.
 *
 * The cases are those that systems of this kind got wrong, and those of trio's `check_one_way_stream` and
 * `check_two_way_stream`, the first suite of this sort.
 */
import { BrokenError, BusyError, ClosedError } from "../coroutine/errors.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { IncompleteError, LimitError } from "../net/errors.ts";
import { select } from "../sync/select.ts";
import { scope } from "../task/scope.ts";
import { type Check, check, dice, equal, parked, runAll, thrown, throws, untilSo } from "./check.ts";
import {
  drained,
  type MakePair,
  overPair,
  type PairBody,
  readAll,
  sends,
  type StreamCheckOptions,
  text,
  thrownOrGiven,
  untilGone,
  writeAll,
  writeUntilItFails,
} from "./pair.ts";

const MIB = 1024 * 1024;

/**
 * The behaviours of a stream as named cases, for the test runner of your choice; each opens a pair of its own.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { memoryPair } from "rondo/net";
 * import { streamChecks } from "rondo/testing";
 *
 * const checks = streamChecks(function* () {
 *   return memoryPair();
 * }, { clog: 1_000_000 });
 * for (const check of checks.slice(0, 3)) {
 *   await run(() => check.run());
 *   console.log("holds:", check.name);
 * }
 * // prints: holds: what is written on one side is read on the other
 * // prints: holds: a write of nothing completes, and nothing is seen of it
 * // prints: holds: a read gives no more than it was asked for, and the rest to the next one
 * ```
 */
export function streamChecks(make: MakePair, options: StreamCheckOptions = {}): Check[] {
  const { clog = 32 * MIB, resets = true, payload = 256 * 1024 } = options;
  const on = (name: string, body: PairBody): Check => check(name, () => overPair(make, body), options.patience);
  const much = (): Uint8Array => new Uint8Array(clog).fill(120);

  return [
    on("what is written on one side is read on the other", function* (a, b, g) {
      sends(g, a, "ping");
      equal("read by the one", text(yield* b.readExactly(4)), "ping");
      sends(g, b, new Uint8Array([112, 111, 110, 103]));
      equal("read by the other", text(yield* a.readExactly(4)), "pong");
    }),

    on("a write of nothing completes, and nothing is seen of it", function* (a, b, g) {
      yield* a.write(new Uint8Array(0));
      yield* a.write("");
      yield* a.write([]);
      yield* a.write(["", new Uint8Array(0)]);
      sends(g, a, "x");
      equal("read", text(yield* b.read()), "x");
    }),

    on("a read gives no more than it was asked for, and the rest to the next one", function* (a, b, g) {
      sends(g, a, "abcdef");
      let all = "";
      while (all.length < 6) {
        const chunk = (yield* b.read(2)) as Uint8Array;
        if (chunk.length < 1 || chunk.length > 2) throw new Error(`read(2) gave ${chunk.length} bytes`);
        all += text(chunk);
      }
      equal("read in all", all, "abcdef");
    }),

    on("a read of no bytes is refused", function* (_a, b) {
      for (const wrong of [0, -1, 1.5, Number.NaN]) {
        yield* throws(`read(${wrong})`, RangeError, function* () {
          yield* b.read(wrong);
        });
      }
      yield* throws("readExactly(-1)", RangeError, function* () {
        yield* b.readExactly(-1);
      });
    }),

    on("an array is written whole and in order", function* (a, b, g) {
      sends(g, a, ["one ", new Uint8Array([116, 119, 111]), "", " three"]);
      equal("read", text(yield* b.readExactly(13)), "one two three");
    }),

    on("a read into a buffer of mine fills no more than that", function* (a, b, g) {
      sends(g, a, "abcdef");
      const mine = new Uint8Array(4).fill(45);
      let all = "";
      while (all.length < 6) {
        const count = (yield* b.readInto(mine.subarray(0, 3))) as number;
        if (count < 1 || count > 3) throw new Error(`readInto() a buffer of 3 gave ${count}`);
        all += text(mine.subarray(0, count));
        equal("the byte behind it", mine[3], 45);
      }
      equal("read in all", all, "abcdef");
      equal("into a buffer without room", yield* b.readInto(new Uint8Array(0)), 0);
    }),

    on("exactly so many bytes are read, in however many pieces they come", function* (a, b, g) {
      g.spawn(function* writer() {
        for (const piece of ["ab", "c", "defg", "h"]) {
          yield* a.write(piece);
          yield* checkpoint();
        }
      });
      equal("the first", text(yield* b.readExactly(3)), "abc");
      equal("none", (yield* b.readExactly(0))?.length, 0);
      equal("the rest", text(yield* b.readExactly(5)), "defgh");
    }),

    on("a delimiter is found, also where it is cut in two", function* (a, b, g) {
      g.spawn(function* writer() {
        for (const piece of ["one\r", "\n", "two\r\nth", "r\ree\r\n"]) {
          yield* a.write(piece);
          yield* checkpoint();
        }
      });
      equal("the first", text(yield* b.readUntil("\r\n")), "one\r\n");
      equal("the second", text(yield* b.readUntil(new Uint8Array([13, 10]))), "two\r\n");
      equal("the third", text(yield* b.readUntil("\r\n")), "thr\ree\r\n");
    }),

    on("too much before a delimiter is an error, and is still there", function* (a, b, g) {
      sends(g, a, "much too long;");
      const error = yield* thrown(() => b.readUntil(";", { max: 13 }));
      if (!(error instanceof LimitError)) throw error;
      equal("its limit", error.limit, 13);
      equal("read then", text(yield* b.readUntil(";", { max: 14 })), "much too long;");
    }),

    on("lines are cut, and what nobody took of them stays", function* (a, b, g) {
      sends(g, a, "one\ntwo\r\nthree\nfour");
      const lines = b.lines();
      equal("the first", yield* lines.next(), "one");
      equal("the second", yield* lines.next(), "two");
      lines.close();
      equal("what stays", text(yield* b.readExactly(10)), "three\nfour");
    }),

    on("what is put back is read next", function* (a, b, g) {
      sends(g, a, "bc");
      equal("read first", text(yield* b.readExactly(2)), "bc");
      b.unread(new Uint8Array([97, 98, 99]));
      equal("read then", text(yield* b.readExactly(3)), "abc");
    }),

    on("bytes are counted on both sides", function* (a, b, g) {
      const writer = sends(g, a, "12345", ["6", "7"]);
      yield* b.readExactly(6);
      yield* writer;
      equal("written", a.bytesWritten, 7);
      yield* untilSo(() => b.bytesRead >= 7);
      equal("left", text(yield* b.read()), "7");
    }),

    on("all that was written before a close is read, and then the end, again and again", function* (a, b, g) {
      g.spawn(function* closer() {
        yield* a.write(much());
        yield* a.write("the end");
        yield* a.close();
      });
      equal("read", yield* drained(b), clog + 7);
      for (let i = 0; i < 3; i++) equal("after the end", yield* b.read(), undefined);
      equal("exactly, after the end", yield* b.readExactly(1), undefined);
      equal("until, after the end", yield* b.readUntil("\n"), undefined);
      equal("into, after the end", yield* b.readInto(new Uint8Array(1)), undefined);
      equal("lines, after the end", yield* b.lines().next(), undefined);
    }),

    on("an end in the middle of what was asked for is an error, and what came is still there", function* (a, b, g) {
      g.spawn(function* closer() {
        yield* a.write("abc");
        yield* a.close();
      });
      const exactly = yield* thrown(() => b.readExactly(4));
      if (!(exactly instanceof IncompleteError)) throw exactly;
      equal("received", exactly.received, 3);
      equal("expected", exactly.expected, 4);
      yield* throws("readUntil()", IncompleteError, () => b.readUntil("\n"));
      equal("what is there", text(yield* b.readExactly(3)), "abc");
      equal("the end", yield* b.read(), undefined);
    }),

    on("a second reader is told so, and the first one goes on", function* (a, b, g) {
      const first = g.spawn(() => b.readExactly(4), { name: "first reader" });
      yield* parked(first);
      yield* throws("read()", BusyError, () => b.read());
      yield* throws("readUntil()", BusyError, () => b.readUntil("\n"));
      yield* throws("lines()", BusyError, () => b.lines().next());
      sends(g, a, "ping");
      equal("what the first one reads", text(yield* first), "ping");
      sends(g, a, "pong");
      equal("what comes then", text(yield* b.readExactly(4)), "pong");
    }),

    on("writes of several tasks go whole and in order", function* (a, b, g) {
      const size = 5000;
      for (const letter of ["a", "b", "c", "d"]) {
        const task = g.spawn(() => a.write(letter.repeat(size)), { name: `writer ${letter}` });
        // Begun, so that there is an order to keep.
        yield* untilSo(() => task.state !== "ready");
      }
      for (const letter of ["a", "b", "c", "d"]) {
        equal(`the part of ${letter}`, text(yield* b.readExactly(size)), letter.repeat(size));
      }
    }),

    on("a write waits while the peer does not read, and completes when it does", function* (a, b, g) {
      const writer = g.spawn(() => a.write(much()), { name: "writer" });
      yield* parked(writer);
      for (let i = 0; i < 10; i++) yield* sleep(0);
      equal("the writer", writer.state, "waiting");
      const bytes = yield* b.readExactly(clog);
      equal("read", bytes?.length, clog);
      yield* writer;
    }),

    on("a blocked read is woken by a close of its own side", function* (a, _b, g) {
      const reader = g.spawn(() => throws("read()", ClosedError, () => a.read()), { name: "reader" });
      yield* parked(reader);
      yield* a.close();
      yield* reader;
    }),

    on("a blocked read is woken by an abort of its own side", function* (a, _b, g) {
      const reader = g.spawn(() => throws("readUntil()", ClosedError, () => a.readUntil("\n")), { name: "reader" });
      yield* parked(reader);
      a.abort();
      yield* reader;
    }),

    on("a blocked write, and those behind it, are woken by an abort of their own side", function* (a, _b, g) {
      const first = g.spawn(() => throws("write()", ClosedError, () => a.write(much())), { name: "writer" });
      yield* parked(first);
      const second = g.spawn(() => throws("write()", ClosedError, () => a.write("more")), { name: "next writer" });
      yield* parked(second);
      a.abort();
      yield* first;
      yield* second;
    }),

    on("a blocked write is woken by a close of its own side", function* (a, b, g) {
      const writer = g.spawn(() => throws("write()", ClosedError, () => a.write(much())), { name: "writer" });
      yield* parked(writer);
      const closer = g.spawn(() => a.close(), { name: "closer" });
      yield* writer;
      yield* untilGone(b); // what was handed over may go out yet, and the close waits for it
      yield* closer;
    }),

    on("after a close nothing can be read or written", function* (a, b) {
      yield* b.write("u");
      yield* a.close();
      yield* throws("read()", ClosedError, () => a.read());
      yield* throws("readInto()", ClosedError, () => a.readInto(new Uint8Array(1)));
      yield* throws("readExactly()", ClosedError, () => a.readExactly(1));
      yield* throws("readUntil()", ClosedError, () => a.readUntil("\n"));
      yield* throws("lines()", ClosedError, () => a.lines().next());
      yield* throws("write()", ClosedError, () => a.write("x"));
      yield* throws("write() of nothing", ClosedError, () => a.write(""));
    }),

    on("a close may be asked for any number of times, by several tasks at once", function* (a, b, g) {
      const closers = [1, 2, 3].map((i) => g.spawn(() => a.close(), { name: `closer ${i}` }));
      for (const closer of closers) yield* closer;
      yield* a.close();
      a.abort();
      yield* a.close();
      yield* untilGone(b);
      yield* b.close();
      yield* b.close();
    }),

    on("a close that is cancelled before it begins has closed", function* (a, b) {
      yield* scope(function* (s) {
        s.cancel();
        yield* a.close();
      });
      yield* throws("read()", ClosedError, () => a.read());
      yield* a.close();
      yield* untilGone(b);
    }),

    on("a close that is cancelled while the peer does not read has closed", function* (a, b, g) {
      const writer = g.spawn(() => throws("write()", ClosedError, () => a.write(much())), { name: "writer" });
      yield* parked(writer);
      const closer = g.spawn(() => a.close(), { name: "closer" });
      yield* parked(closer);
      closer.cancel();
      yield* closer.ended();
      yield* writer;
      yield* a.close(); // which has nothing to wait for any more
      yield* untilGone(b);
    }),

    on("a read that is cancelled has lost nothing", function* (a, b, g) {
      const count = 40;
      const letters = Array.from({ length: count }, (_, i) => String.fromCharCode(65 + i));
      let seen = "";
      sends(g, a, ...letters);
      for (let i = 0; seen.length < count; i++) {
        const reader = g.spawn(
          function* () {
            seen += text(yield* b.read());
          },
          { name: "reader" },
        );
        // Before it begins, while it waits, when it has its byte, when it has ended.
        for (let turns = i % 6; turns > 0; turns--) yield* checkpoint();
        reader.cancel();
        yield* reader.ended();
        if (i % 10 === 9) yield* sleep(10);
        if (i > 50 * count) throw new Error(`of what was written only ${JSON.stringify(seen)} was read`);
      }
      equal("read in all", seen, letters.join(""));
    }),

    on("a read of much that is cancelled leaves what had come", function* (a, b, g) {
      for (const read of [() => b.readExactly(10), () => b.readUntil("!")]) {
        const reader = g.spawn(read, { name: "reader" });
        yield* parked(reader);
        sends(g, a, "part,");
        yield* untilSo(() => b.buffered >= 5);
        reader.cancel();
        yield* reader.ended();
        equal("buffered", b.buffered, 5);
        equal("what is there", text(yield* b.readExactly(5)), "part,");
      }
    }),

    on("a read that loses a select has taken nothing", function* (a, b, g) {
      const first = yield* select({ bytes: b.readExactly(2), late: sleep(1) });
      equal("taken", first.key, "late");
      sends(g, a, "ab");
      while (b.buffered < 2) {
        // Nobody reads, so one that begins and loses starts it.
        yield* select({ bytes: b.readExactly(3), late: sleep(1) });
      }
      const second = yield* select({ bytes: b.readExactly(2), late: sleep(1000) });
      equal("taken then", second.key, "bytes");
      equal("read", text(second.value as Uint8Array), "ab");
    }),

    on("a write that is cancelled in line did not happen", function* (a, b, g) {
      const writer = g.spawn(() => a.write(much()), { name: "writer" });
      yield* parked(writer);
      const next = g.spawn(() => a.write("never"), { name: "next writer" });
      yield* parked(next);
      const last = g.spawn(() => a.write("last"), { name: "last writer" });
      yield* parked(last);
      next.cancel();
      yield* next.ended();
      yield* b.readExactly(clog);
      equal("what comes then", text(yield* b.readExactly(4)), "last");
      yield* writer;
      yield* last;
    }),

    on("a write that is cancelled half way breaks the stream for writing, and not for reading", function* (a, b, g) {
      const writer = g.spawn(() => a.write(much()), { name: "writer" });
      yield* parked(writer);
      const behind = g.spawn(() => throws("the write behind it", BrokenError, () => a.write("x")), { name: "behind" });
      yield* parked(behind);
      writer.cancel();
      yield* writer.ended();
      yield* behind;
      yield* throws("write()", BrokenError, () => a.write("x"));
      yield* throws("end()", BrokenError, () => a.end());
      sends(g, b, "still here");
      equal("read", text(yield* a.readExactly(10)), "still here");
      yield* a.close();
      const got = yield* thrownOrGiven(() => drained(b));
      if (got === clog) throw new Error("the peer was told that it has everything, by an orderly end");
    }),

    on("a write after the peer has gone is a BrokenError, and stays one", function* (a, b) {
      yield* b.close();
      const error = yield* writeUntilItFails(a);
      if (!(error instanceof BrokenError)) throw error;
      yield* throws("the next write()", BrokenError, () => a.write("x"));
      yield* throws("a write() of nothing", BrokenError, () => a.write(""));
      yield* a.close();
      yield* throws("write(), once it is closed", ClosedError, () => a.write("x"));
    }),

    on("a blocked read is woken when the peer goes", function* (a, b, g) {
      const reader = g.spawn(() => untilGone(a), { name: "reader" });
      yield* parked(reader);
      b.abort();
      yield* reader;
    }),

    on("a blocked write, and those behind it, are woken when the peer goes", function* (a, b, g) {
      const first = g.spawn(() => throws("write()", BrokenError, () => a.write(much())), { name: "writer" });
      yield* parked(first);
      const second = g.spawn(() => throws("write()", BrokenError, () => a.write("more")), { name: "next writer" });
      yield* parked(second);
      b.abort();
      yield* first;
      yield* second;
    }),

    on("what came before the peer went is read, and then it is said that it has gone", function* (a, b, g) {
      sends(g, b, "abc");
      // A read that waits for more than comes, so that all of it lies there.
      const reader = g.spawn(() => a.readExactly(4), { name: "reader" });
      yield* untilSo(() => a.buffered >= 3);
      reader.cancel();
      yield* reader.ended();
      b.abort();
      yield* writeUntilItFails(a);
      equal("read then", text(yield* a.readExactly(3)), "abc");
      if (!resets) return yield* untilGone(a);
      for (let i = 0; i < 2; i++) yield* throws("read()", BrokenError, () => a.read());
      yield* throws("readExactly()", BrokenError, () => a.readExactly(1));
      yield* throws("lines()", BrokenError, () => a.lines().next());
    }),

    on("random payloads both ways at once arrive as they are", function* (a, b, g) {
      const roll = dice(payload);
      const bytes = (): Uint8Array => Uint8Array.from({ length: payload }, () => roll(256));
      const [toB, toA] = [bytes(), bytes()];
      g.spawn(() => writeAll(a, toB, dice(1)), { name: "writer a" });
      g.spawn(() => writeAll(b, toA, dice(2)), { name: "writer b" });
      const other = g.spawn(() => readAll(b, toB, dice(3)), { name: "reader b" });
      yield* readAll(a, toA, dice(4));
      yield* other;
    }),
  ];
}

/**
 * Runs all of {@link streamChecks}, one after the other. The first behaviour that does not hold is thrown, with its name.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { memoryPair } from "rondo/net";
 * import { checkStream } from "rondo/testing";
 *
 * function* makePair() {
 *   return memoryPair();
 * }
 * await run(() => checkStream(makePair, { clog: 1_000_000 }));
 * console.log("a stream"); // prints: a stream
 * ```
 */
export function checkStream(make: MakePair, options: StreamCheckOptions = {}): Coroutine<void> {
  return runAll(streamChecks(make, options));
}
