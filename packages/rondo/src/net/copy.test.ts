import { describe, expect, test } from "vitest";
import { all, BrokenError, run, VirtualHost } from "../index.ts";
import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { type ByteStream, copy, memoryPair } from "./index.ts";

function* send(stream: ByteStream, text: string) {
  yield* stream.write(text);
  yield* stream.end();
}

describe("copy", () => {
  test("gives how many bytes it copied, and passes the end on only where it is asked to", async () => {
    await inGroup(function* (g) {
      for (const end of [true, false]) {
        const [source, from] = memoryPair();
        const [to, target] = memoryPair();
        g.spawn(() => send(source, "x".repeat(100_000)));
        const copying = g.spawn(() => copy(from, to, { end }));
        expect((yield* target.readExactly(100_000))?.length).toBe(100_000);
        expect(yield* copying).toBe(100_000);
        if (!end) yield* to.write("not ended");
        expect(yield* target.read()).toEqual(end ? undefined : new TextEncoder().encode("not ended"));
      }
    });
  });

  test("goes at the pace of the slower side", async () => {
    await virtually(function* () {
      const [source, from] = memoryPair({ window: 100 });
      const [to, target] = memoryPair({ window: 100 });
      let seen = 0;
      yield* all([
        () => send(source, "x".repeat(10_000)),
        () => copy(from, to, { end: true, onChunk: (chunk) => void (seen += chunk.length) }),
        function* () {
          for (let read = 0; read < 10_000;) {
            read += (yield* target.readExactly(100))?.length ?? 0;
            // What lies in the buffers on the way, and no more.
            expect(seen - read).toBeLessThanOrEqual(400);
          }
        },
      ]);
    });
  });

  test("one that is cancelled loses no byte, whenever that is", async () => {
    const text = Array.from({ length: 300 }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");
    await onEverySchedule(function* (g, host) {
      const [source, from] = memoryPair({ window: 7 });
      const [to, target] = memoryPair({ window: host.choose("test", 2) === 0 ? 5 : 1000 });
      g.spawn(() => thrownBy(() => send(source, text)));
      let got = "";
      const reading = g.spawn(() =>
        thrownBy(function* () {
          for (let chunk = yield* target.read(); chunk !== undefined; chunk = yield* target.read())
            got += new TextDecoder().decode(chunk);
        }),
      );
      for (let round = 0; round < 5; round++) {
        const copying = g.spawn(() => copy(from, to));
        for (let turns = host.choose("test", 30) + round; turns > 0; turns--) yield* g.spawn(function* () {}); // a turn
        copying.cancel();
        yield* copying.ended();
        if (to.statistics().broken) break;
      }
      if (to.statistics().broken) {
        to.abort();
        from.abort();
        expect(yield* reading).toBeInstanceOf(BrokenError);
        expect(text.startsWith(got)).toBe(true);
      } else {
        yield* copy(from, to, { end: true });
        expect(yield* reading).toBe(undefined);
        expect(got).toBe(text);
      }
    });
  });

  test("where writing fails the chunk is still there to be read", async () => {
    await inGroup(function* (g) {
      const [source, from] = memoryPair();
      const [to, target] = memoryPair();
      target.abort();
      g.spawn(() => send(source, "precious"));
      expect(yield* thrownBy(() => to.write("x"))).toBeInstanceOf(BrokenError);
      expect(yield* thrownBy(() => copy(from, to))).toBeInstanceOf(BrokenError);
      expect(new TextDecoder().decode(yield* from.readExactly(8))).toBe("precious");
    });
  });

  test("a source that is closed while a chunk is in hand is no error of its own", async () => {
    const host = new VirtualHost();
    await run(
      function* () {
        const [source, from] = memoryPair();
        const [to, target] = memoryPair();
        yield* source.write("x");
        const error = yield* thrownBy(() =>
          copy(from, to, { onChunk: () => (from.abort(), target.abort(), to.abort()) }),
        );
        expect(String(error)).toContain("closed on this side");
      },
      { host },
    );
    expect(host.reports).toEqual([]);
  });
});
