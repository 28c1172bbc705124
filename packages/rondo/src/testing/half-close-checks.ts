/**
 * What a stream has to do whose two directions end one by one: TCP, Unix sockets, memory; not pipes.
 */
import { ClosedError } from "../coroutine/errors.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { type Check, check, equal, parked, runAll, throws } from "./check.ts";
import type { Writable } from "../net/stream.ts";
import {
  type CheckedStream,
  drain,
  type MakePair,
  overPair,
  type PairBody,
  sends,
  type StreamCheckOptions,
  text,
} from "./pair.ts";

/**
 * The behaviours of a stream that can be half closed, as named cases; they come on top of `streamChecks`.
 *
 * @example
 * ```ts
 * import { memoryPair } from "rondo/net";
 * import { halfCloseableChecks } from "rondo/testing";
 *
 * const checks = halfCloseableChecks(function* () {
 *   return memoryPair();
 * });
 * console.log(checks[0]?.name); // prints: after an end the peer reads to the end, and can still write
 * ```
 */
export function halfCloseableChecks(make: MakePair, options: StreamCheckOptions = {}): Check[] {
  const { clog = 32 * 1024 * 1024 } = options;
  const on = (name: string, body: PairBody): Check => check(name, () => overPair(make, body), options.patience);

  return [
    on("after an end the peer reads to the end, and can still write", function* (a, b, g) {
      g.spawn(() => writeAndEnd(a, "question"), { name: "asker" });
      equal("the question", yield* drain(b), "question");
      equal("once more", yield* b.read(), undefined);
      g.spawn(() => writeAndEnd(b, "answer"), { name: "answerer" });
      equal("the answer", yield* drain(a), "answer");
      yield* a.close();
      yield* b.close();
    }),

    on("an end may be asked for any number of times", function* (a, b) {
      yield* a.end();
      yield* a.end();
      equal("read", yield* b.read(), undefined);
      yield* a.end();
    }),

    on("after an end nothing can be written", function* (a, b, g) {
      yield* a.end();
      yield* throws("write()", ClosedError, () => a.write("x"));
      yield* throws("write() of nothing", ClosedError, () => a.write(""));
      sends(g, b, "still open");
      equal("read", text(yield* a.readExactly(10)), "still open");
    }),

    on("an end waits in line behind the writes", function* (a, b, g) {
      const writer = g.spawn(() => a.write(new Uint8Array(clog).fill(120)), { name: "writer" });
      yield* parked(writer);
      const last = g.spawn(() => a.write("last"), { name: "last writer" });
      yield* parked(last);
      const ender = g.spawn(() => a.end(), { name: "ender" });
      yield* parked(ender);
      const late = g.spawn(() => throws("a write behind the end", ClosedError, () => a.write("late")), {
        name: "late",
      });
      yield* parked(late);
      yield* b.readExactly(clog);
      equal("read last", yield* drain(b), "last");
      yield* writer;
      yield* last;
      yield* ender;
      yield* late;
    }),

    on("an end that is cancelled in line did not happen", function* (a, b, g) {
      const writer = g.spawn(() => a.write(new Uint8Array(clog).fill(120)), { name: "writer" });
      yield* parked(writer);
      const ender = g.spawn(() => a.end(), { name: "ender" });
      yield* parked(ender);
      ender.cancel();
      yield* ender.ended();
      yield* b.readExactly(clog);
      yield* writer;
      sends(g, a, "more");
      equal("read then", text(yield* b.readExactly(4)), "more");
    }),

    on("a blocked read is woken by the peer's end", function* (a, b, g) {
      const reader = g.spawn(() => a.read(), { name: "reader" });
      yield* parked(reader);
      yield* b.end();
      equal("read", yield* reader, undefined);
    }),

    on("an end after a close is refused", function* (a) {
      yield* a.end();
      yield* a.close();
      yield* throws("end()", ClosedError, () => a.end());
    }),

    on("much goes both ways after one end, and all of it arrives", function* (a, b, g) {
      const writer = g.spawn(() => writeAndEnd(a, new Uint8Array(clog).fill(120)), { name: "writer" });
      yield* b.end();
      equal("the other way", yield* a.read(), undefined);
      let count = 0;
      for (;;) {
        const chunk = yield* b.read();
        if (chunk === undefined) break;
        count += chunk.length;
      }
      equal("read", count, clog);
      yield* writer;
    }),
  ];
}

function* writeAndEnd(stream: CheckedStream, data: Writable): Coroutine<void> {
  yield* stream.write(data);
  yield* stream.end();
}

/**
 * Runs all of {@link halfCloseableChecks}, one after the other. The first behaviour that does not hold is thrown, with its
 * name.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { memoryPair } from "rondo/net";
 * import { checkHalfCloseable } from "rondo/testing";
 *
 * function* makePair() {
 *   return memoryPair();
 * }
 * await run(() => checkHalfCloseable(makePair, { clog: 1_000_000 }));
 * console.log("can be half closed"); // prints: can be half closed
 * ```
 */
export function checkHalfCloseable(make: MakePair, options: StreamCheckOptions = {}): Coroutine<void> {
  return runAll(halfCloseableChecks(make, options));
}
