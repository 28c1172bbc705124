/**
 * The suites for streams can fail: each fault that systems of this kind have shipped is put into a good stream, and the
 * case that is there for it must be the one that says so.
 */
import { expect, test } from "vitest";
import { BrokenError, checkpoint, ClosedError, Lock, type Operation, run, VirtualHost, type Wait } from "../index.ts";
import { type ByteStream, memoryPair } from "../net/index.ts";
import { type Check, checkHalfCloseable, checkStream, halfCloseableChecks, streamChecks } from "./index.ts";

type Faults = (stream: ByteStream) => Partial<Record<keyof ByteStream, unknown>>;

/** A pair of which both ends have the fault. */
function* faulty(faults: Faults): Generator<Wait, readonly [ByteStream, ByteStream], any> {
  const [a, b] = memoryPair({ window: 1000 });
  return [withFaults(a, faults), withFaults(b, faults)];
}

function withFaults(stream: ByteStream, faults: Faults): ByteStream {
  const own = faults(stream);
  return new Proxy(stream, {
    get(target, key) {
      if (key in own) return own[key as keyof ByteStream];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value as () => unknown).bind(target) : value;
    },
  });
}

const options = { clog: 20_000, payload: 3000 };

async function failing(checks: readonly Check[]): Promise<string[]> {
  const names: string[] = [];
  for (const check of checks) {
    try {
      await run(() => check.run(), { host: new VirtualHost() });
    } catch (error) {
      expect((error as Error).message).toContain(`"${check.name}" does not hold: `);
      names.push(check.name);
    }
  }
  return names;
}

/** An operation where a Wait is due: the suites do not mind. */
function* late<T>(first: () => Operation<unknown>, then: () => Operation<T>): Generator<Wait, T, any> {
  yield* first();
  return yield* then();
}

const faults: Record<string, { readonly breaks: string; readonly faults: Faults }> = {
  "reads give more than they were asked for": {
    breaks: "a read gives no more than it was asked for, and the rest to the next one",
    faults: (stream) => ({ read: () => stream.read() }),
  },
  "the end is told only once": {
    breaks: "all that was written before a close is read, and then the end, again and again",
    faults: (stream) => {
      let told = false;
      return {
        *read(max?: number) {
          if (told) throw new BrokenError("the end has been told");
          const chunk = yield* stream.read(max);
          told = chunk === undefined;
          return chunk;
        },
      };
    },
  },
  "a write of nothing sends something": {
    breaks: "a write of nothing completes, and nothing is seen of it",
    faults: (stream) => ({ write: (data: Uint8Array) => stream.write(data.length === 0 ? "\0" : data) }),
  },
  "a second reader stands in line": {
    breaks: "a second reader is told so, and the first one goes on",
    faults: (stream) => {
      const lock = new Lock();
      return {
        read: (max?: number) => lock.with(() => stream.read(max)),
        readExactly: (n: number) => lock.with(() => stream.readExactly(n)),
      };
    },
  },
  "a cancelled close leaves it open": {
    breaks: "a close that is cancelled before it begins has closed",
    faults: (stream) => ({ close: () => late(checkpoint, () => stream.close()) }),
  },
  "a read has its bytes before its last switch point": {
    breaks: "a read that is cancelled has lost nothing",
    faults: (stream) => ({
      *read(max?: number) {
        const chunk = yield* stream.read(max);
        yield* checkpoint();
        return chunk;
      },
    }),
  },
  "a long read keeps what it has to itself": {
    breaks: "a read of much that is cancelled leaves what had come",
    faults: (stream) => ({
      *readExactly(n: number) {
        const parts: number[] = [];
        while (parts.length < n) {
          const chunk = yield* stream.read(n - parts.length);
          if (chunk === undefined) return parts.length === 0 ? undefined : yield* stream.readExactly(n);
          parts.push(...chunk);
        }
        return Uint8Array.from(parts);
      },
    }),
  },
  "a limit that is exceeded costs the buffer": {
    breaks: "too much before a delimiter is an error, and is still there",
    faults: (stream) => ({
      *readUntil(delimiter: string, limit?: { max: number }) {
        try {
          return yield* stream.readUntil(delimiter, limit);
        } catch (error) {
          if (stream.buffered > 0) yield* stream.read();
          throw error;
        }
      },
    }),
  },
  "writes of several tasks are mixed": {
    breaks: "writes of several tasks go whole and in order",
    faults: (stream) => ({
      *write(data: Uint8Array | string) {
        const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
        if (!(bytes instanceof Uint8Array)) return yield* stream.write(data);
        for (let at = 0; at < bytes.length; at += 500) {
          yield* stream.write(bytes.subarray(at, at + 500));
          yield* checkpoint();
        }
      },
    }),
  },
  "writes never wait": {
    breaks: "a write waits while the peer does not read, and completes when it does",
    faults: (stream) => {
      const sent: unknown[] = [];
      let pumping = false;
      return {
        *write(data: Uint8Array) {
          sent.push(data);
          if (pumping || data.length < 10_000) return yield* stream.write(sent.shift() as Uint8Array);
          pumping = true;
        },
      };
    },
  },
  "a close does not wake who reads": {
    breaks: "a blocked read is woken by a close of its own side",
    faults: (stream) => {
      let reading = 0;
      return {
        *read(max?: number) {
          reading++;
          try {
            return yield* stream.read(max);
          } finally {
            reading--;
          }
        },
        close: () => (reading > 0 ? checkpoint() : stream.close()),
      };
    },
  },
  "the peer's going is taken for a close of one's own": {
    breaks: "a write after the peer has gone is a BrokenError, and stays one",
    faults: (stream) => ({
      *write(data: Uint8Array) {
        try {
          yield* stream.write(data);
        } catch (error) {
          throw new ClosedError((error as Error).message);
        }
      },
    }),
  },
  "an abort looks like an orderly end": {
    breaks: "what came before the peer went is read, and then it is said that it has gone",
    faults: (stream) => ({
      *read(max?: number) {
        try {
          return yield* stream.read(max);
        } catch (error) {
          if (error instanceof BrokenError) return undefined;
          throw error;
        }
      },
    }),
  },
  "a write that is cancelled half way is forgotten": {
    breaks: "a write that is cancelled half way breaks the stream for writing, and not for reading",
    faults: (stream) => ({
      *write(data: Uint8Array) {
        try {
          yield* stream.write(data);
        } catch (error) {
          if (!(error as Error).message.includes("was cancelled when")) throw error;
        }
      },
    }),
  },
  "a byte is another one now and then": {
    breaks: "random payloads both ways at once arrive as they are",
    faults: (stream) => ({
      *read(max?: number) {
        const chunk = yield* stream.read(max);
        if (chunk !== undefined && chunk.length > 200) chunk[200] = 0;
        return chunk;
      },
    }),
  },
  "lines are taken ahead of those who ask": {
    breaks: "lines are cut, and what nobody took of them stays",
    faults: (stream) => ({
      lines() {
        const lines = stream.lines();
        const ahead: string[] = [];
        return {
          *next() {
            if (ahead.length === 0) ahead.push(...((yield* lines.batch()) ?? []));
            return ahead.shift();
          },
          close: () => lines.close(),
        };
      },
    }),
  },
};

test("a good stream has every behaviour", async () => {
  const make = () => faulty(() => ({}));
  expect(await failing(streamChecks(make, options))).toEqual([]);
  expect(await failing(halfCloseableChecks(make, options))).toEqual([]);
});

test.each(Object.keys(faults))("%s, and the case for it fails", async (name) => {
  const fault = faults[name] as (typeof faults)[string];
  expect(await failing(streamChecks(() => faulty(fault.faults), options))).toContain(fault.breaks);
});

const halfFaults: typeof faults = {
  "an end ends both directions": {
    breaks: "after an end the peer reads to the end, and can still write",
    faults: (stream) => ({
      *end() {
        yield* stream.end();
        yield* stream.close();
      },
    }),
  },
  "the peer's end ends both directions": {
    breaks: "after an end the peer reads to the end, and can still write",
    faults: (stream) => ({
      *read(max?: number) {
        const chunk = yield* stream.read(max);
        if (chunk === undefined) yield* stream.end();
        return chunk;
      },
    }),
  },
  "a second end is an error": {
    breaks: "an end may be asked for any number of times",
    faults: (stream) => {
      let ended = false;
      return {
        *end() {
          if (ended) throw new ClosedError("ended");
          ended = true;
          yield* stream.end();
        },
      };
    },
  },
  "writes after the end are dropped": {
    breaks: "after an end nothing can be written",
    faults: (stream) => ({
      *write(data: Uint8Array) {
        try {
          yield* stream.write(data);
        } catch (error) {
          if (!(error instanceof ClosedError)) throw error;
        }
      },
    }),
  },
  "an end does nothing": {
    breaks: "a blocked read is woken by the peer's end",
    faults: () => ({ end: () => checkpoint() }),
  },
};

test.each(Object.keys(halfFaults))("%s, and the case for it fails", async (name) => {
  const fault = halfFaults[name] as (typeof faults)[string];
  expect(await failing(halfCloseableChecks(() => faulty(fault.faults), options))).toContain(fault.breaks);
});

test("the whole suite in one operation throws the first behaviour that does not hold, with its cause", async () => {
  const host = new VirtualHost();
  const good = () => faulty(() => ({}));
  await run(() => checkStream(good, options), { host });
  await run(() => checkHalfCloseable(good, options), { host });
  const mixed = () => faulty((faults["a write of nothing sends something"] as (typeof faults)[string]).faults);
  const error = await run(() => checkStream(mixed, options), { host }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ cause: expect.any(Error) });
  expect(String(error)).toMatch(/^Error: "a write of nothing completes, and nothing is seen of it" does not hold: /);
});
