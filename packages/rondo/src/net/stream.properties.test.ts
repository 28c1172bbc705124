/**
 * What must not depend on how bytes happen to be sliced: whatever the chunks, the windows, the schedule and the moments
 * of cancellation, what is read is what was written.
 */
import fc from "fast-check";
import { test } from "vitest";
import { Flow, group, type Operation, run, sleep, VirtualHost, type Wait } from "../index.ts";
import { ByteBuffer } from "./buffer.ts";
import { type ByteStream, IncompleteError, LimitError, memoryPair } from "./index.ts";

const RUNS = 300;

/** Bytes of few kinds, so that delimiters, line ends and halves of them are common. */
const bytes = fc
  .array(fc.constantFrom(97, 98, 10, 13, 195, 164, 59), { maxLength: 200 })
  .map((list) => Uint8Array.from(list));
/** Where to cut: sizes that are used one after the other, over and over. */
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });
const window = fc.constantFrom(1, 2, 3, 7, 50, 65_536);
const seed = fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined });

function* slices(data: Uint8Array, sizes: readonly number[]): Generator<Uint8Array, void, undefined> {
  for (let at = 0, i = 0; at < data.length; i++) {
    const size = sizes[i % sizes.length] as number;
    yield data.slice(at, at + size);
    at += size;
  }
}

/** A stream on which `data` comes in slices, and then the end; what the body makes of it. */
function reading<T>(
  data: Uint8Array,
  sizes: readonly number[],
  options: { window: number; seed: number | undefined },
  body: (stream: ByteStream) => Operation<T>,
): Promise<T> {
  return run(
    () =>
      group(function* (g) {
        const [writer, reader] = memoryPair({ window: options.window });
        g.spawn(
          function* () {
            for (const slice of slices(data, sizes)) {
              yield* writer.write(slice);
              if (slice.length % 3 === 0) yield* sleep(1);
            }
            yield* writer.close();
          },
          { name: "writer", daemon: true },
        );
        return yield* body(reader);
      }),
    { host: new VirtualHost({ seed: options.seed }) },
  );
}

const text = (data: Uint8Array): string => Array.from(data, (byte) => String.fromCharCode(byte)).join("");
const same = (got: unknown, wanted: unknown): void => {
  const [left, right] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${left}, and not ${right}`);
};

/** What a delimiter cuts out of `data`, as it was always specified: by searching in the whole. */
function cutBy(data: string, delimiter: string, max: number): (string | number)[] {
  const parts: (string | number)[] = [];
  for (let rest = data; ;) {
    const end = rest.indexOf(delimiter);
    const size = end < 0 ? rest.length : end + delimiter.length;
    if ((end < 0 && size >= max) || size > max) return [...parts, -1];
    if (end < 0) return rest === "" ? parts : [...parts, rest.length];
    parts.push(rest.slice(0, size));
    rest = rest.slice(size);
  }
}

test("readUntil() gives the same whatever the slices", async () => {
  await fc.assert(
    fc.asyncProperty(
      bytes,
      cuts,
      window,
      seed,
      fc.constantFrom("\n", "\r\n", "aba", "aab", "\r\n\r\n", ";"),
      fc.integer({ min: 1, max: 60 }),
      async (data, sizes, size, chosen, delimiter, max) => {
        const got = await reading(data, sizes, { window: size, seed: chosen }, function* (stream) {
          const parts: (string | number)[] = [];
          for (;;) {
            try {
              const part = yield* stream.readUntil(delimiter, { max });
              if (part === undefined) return parts;
              parts.push(text(part));
            } catch (error) {
              if (error instanceof LimitError) return [...parts, -1];
              if (error instanceof IncompleteError) return [...parts, error.received];
              throw error;
            }
          }
        });
        same(got, cutBy(text(data), delimiter, max));
      },
    ),
    { numRuns: RUNS },
  );
});

test("reads of all kinds, mixed, put together what was written", async () => {
  const reads = fc.array(
    fc.tuple(fc.constantFrom("read", "exactly", "into", "until", "unread"), fc.integer({ min: 1, max: 30 })),
    {
      minLength: 1,
      maxLength: 8,
    },
  );
  await fc.assert(
    fc.asyncProperty(bytes, cuts, window, seed, reads, async (data, sizes, size, chosen, kinds) => {
      const got = await reading(data, sizes, { window: size, seed: chosen }, function* (stream) {
        let all = "";
        for (let i = 0; ; i++) {
          const [kind, n] = kinds[i % kinds.length] as (typeof kinds)[number];
          try {
            if (kind === "read" || kind === "unread") {
              const chunk = yield* stream.read(n);
              if (chunk === undefined) return all;
              if (kind === "unread" && i % 3 === 0) stream.unread(chunk);
              else all += text(chunk);
            } else if (kind === "exactly") {
              const chunk = yield* stream.readExactly(n);
              if (chunk === undefined) return all;
              same(chunk.length, n);
              all += text(chunk);
            } else if (kind === "until") {
              const chunk = yield* stream.readUntil("b\n");
              if (chunk === undefined) return all;
              all += text(chunk);
            } else {
              const mine = new Uint8Array(n);
              const count = yield* stream.readInto(mine);
              if (count === undefined) return all;
              all += text(mine.subarray(0, count));
            }
          } catch (error) {
            if (!(error instanceof IncompleteError)) throw error;
            all += text((yield* stream.readExactly(error.received)) as Uint8Array);
          }
        }
      });
      same(got, text(data));
    }),
    { numRuns: RUNS },
  );
});

test("lines() gives the lines of the whole, whatever the slices, one by one or in batches", async () => {
  await fc.assert(
    fc.asyncProperty(bytes, cuts, window, seed, fc.boolean(), async (data, sizes, size, chosen, batches) => {
      const got = await reading(data, sizes, { window: size, seed: chosen }, function* (stream) {
        if (!batches) return yield* stream.lines().toArray();
        const all: string[] = [];
        const lines = stream.lines();
        for (;;) {
          const batch = yield* lines.batch(3);
          if (batch === undefined) return all;
          all.push(...batch);
        }
      });
      // The flow over text is an implementation of its own.
      same(got, await run(() => Flow.lines(new TextDecoder("utf-8", { ignoreBOM: true }).decode(data)).toArray()));
    }),
    { numRuns: RUNS },
  );
});

test("a line is too long or not, whatever the slices, and the lines before it are had", async () => {
  await fc.assert(
    fc.asyncProperty(
      bytes,
      cuts,
      window,
      seed,
      fc.integer({ min: 0, max: 12 }),
      async (raw, sizes, size, chosen, max) => {
        const data = raw.filter((byte) => byte < 128); // a byte a character
        const expected: (string | number)[] = [];
        const parts = text(data).split("\n");
        const last = parts.pop() as string;
        for (const part of parts) {
          const line = part.endsWith("\r") ? part.slice(0, -1) : part;
          if (line.length > max) {
            expected.push(-1);
            break;
          }
          expected.push(line);
        }
        if (expected.at(-1) !== -1) {
          if (last.length > max) expected.push(-1);
          else if (last !== "") expected.push(last);
        }
        const got = await reading(data, sizes, { window: size, seed: chosen }, function* (stream) {
          const all: (string | number)[] = [];
          const lines = stream.lines({ max });
          try {
            for (;;) {
              const line = yield* lines.next();
              if (line === undefined) return all;
              all.push(line);
            }
          } catch (error) {
            if (!(error instanceof LimitError)) throw error;
            // The line is still there, and so is all behind it.
            const rest: string[] = [];
            for (;;) {
              const chunk = yield* stream.read();
              if (chunk === undefined) break;
              rest.push(text(chunk));
            }
            const taken = parts
              .slice(0, all.length)
              .map((part) => `${part}\n`)
              .join("");
            same(rest.join(""), text(data).slice(taken.length));
            return [...all, -1];
          }
        });
        same(got, expected);
      },
    ),
    { numRuns: RUNS },
  );
});

test("whoever stops pulling lines finds what is behind them", async () => {
  await fc.assert(
    fc.asyncProperty(
      bytes,
      cuts,
      window,
      seed,
      fc.integer({ min: 0, max: 8 }),
      fc.boolean(),
      async (data, sizes, size, chosen, count, closes) => {
        const got = await reading(data, sizes, { window: size, seed: chosen }, function* (stream) {
          // A flow for each line, or one for all of them, closed or forgotten.
          const lines = stream.lines();
          for (let i = 0; i < count; i++)
            if ((yield* (i % 2 === 0 ? lines : stream.lines()).next()) === undefined) return "";
          if (closes) lines.close();
          let rest = "";
          for (;;) {
            const chunk = yield* stream.read(7);
            if (chunk === undefined) return rest;
            rest += text(chunk);
          }
        });
        const parts = text(data).split("\n");
        same(got, parts.slice(count).join("\n"));
      },
    ),
    { numRuns: RUNS },
  );
});

test("readers that are cancelled at any moment lose no byte between them", async () => {
  const plan = fc.array(
    fc.tuple(
      fc.constantFrom("read", "exactly", "until", "lines"),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 4 }),
    ),
    { minLength: 1, maxLength: 10 },
  );
  await fc.assert(
    fc.asyncProperty(bytes, cuts, window, seed, plan, async (data, sizes, size, chosen, attempts) => {
      const got = await reading(data, sizes, { window: size, seed: chosen }, (stream) =>
        group(function* (g) {
          let all = "";
          for (const [kind, n, patience] of attempts) {
            const reader = g.spawn(
              function* () {
                all += yield* one(stream, data, kind, n);
              },
              { name: "reader" },
            );
            if (patience > 0) yield* sleep(patience - 1);
            reader.cancel();
            yield* reader.ended();
          }
          for (;;) {
            const chunk = yield* stream.read();
            if (chunk === undefined) return all;
            all += text(chunk);
          }
        }),
      );
      same(got, text(data));
    }),
    { numRuns: RUNS },
  );
});

/** One read, as text; nothing at the end, or where the end is in the way. */
function* one(stream: ByteStream, data: Uint8Array, kind: string, n: number): Generator<Wait, string, any> {
  try {
    if (kind === "read") return text((yield* stream.read(n)) ?? new Uint8Array());
    if (kind === "exactly") return text((yield* stream.readExactly(n)) ?? new Uint8Array());
    if (kind === "until") return text((yield* stream.readUntil("\n")) ?? new Uint8Array());
    const consumed = (): number => stream.bytesRead - stream.buffered;
    const from = consumed();
    const lines = stream.lines();
    try {
      yield* lines.next();
    } finally {
      lines.close();
    }
    return text(data.subarray(from, consumed()));
  } catch (error) {
    if (error instanceof IncompleteError) return "";
    throw error;
  }
}

test("a buffer is one long row of bytes, whatever is pushed, taken and put back", () => {
  const step = fc.oneof(
    fc.tuple(fc.constant("push"), fc.integer({ min: 0, max: 700 })),
    fc.tuple(fc.constant("unshift"), fc.integer({ min: 0, max: 20 })),
    fc.tuple(fc.constant("take"), fc.integer({ min: 0, max: 900 })),
    fc.tuple(fc.constant("chunk"), fc.integer({ min: 1, max: 900 })),
    fc.tuple(fc.constant("find"), fc.integer({ min: 0, max: 900 })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffer = new ByteBuffer();
      let model: number[] = [];
      let next = 0;
      const fresh = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => next++ % 11);
      for (const [what, n] of steps as [string, number][]) {
        if (what === "push") {
          // In many small pieces, so that they are gathered.
          for (let left = n; left > 0; left -= 13) {
            const piece = fresh(Math.min(13, left));
            buffer.push(piece);
            model.push(...piece);
          }
          const large = fresh(n);
          buffer.push(large);
          model.push(...large);
        } else if (what === "unshift") {
          const piece = fresh(n);
          buffer.unshift(piece);
          model = [...piece, ...model];
        } else if (what === "take") {
          const size = Math.min(n, model.length);
          same([...buffer.take(size)], model.splice(0, size));
        } else if (what === "chunk" && model.length > 0) {
          const chunk = buffer.takeChunk(n);
          same([...chunk], model.splice(0, chunk.length));
        } else if (what === "find" && n < model.length) {
          const sought = model.slice(n, n + 3);
          const from = Math.floor(n / 2);
          let at = -1;
          for (let i = from; i + sought.length <= model.length && at < 0; i++)
            if (sought.every((byte, k) => model[i + k] === byte)) at = i;
          same(buffer.indexOf(Uint8Array.from(sought), from), at);
          same(buffer.at(n), model[n]);
        }
        same(buffer.length, model.length);
      }
      same([...buffer.take(buffer.length)], model);
    }),
    { numRuns: RUNS },
  );
});
