/**
 * OpenTelemetry's context works through `inContext`: with the SDK itself, and its context manager on `AsyncLocalStorage`.
 */
import { context, type Span, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { onEverySchedule } from "../../tests/virtual.ts";
import { all, type Coroutine, group, inContext, map, type Operation, run, sleep, until } from "../index.ts";

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const manager = new AsyncLocalStorageContextManager();
const tracer = provider.getTracer("test");

beforeAll(() => {
  context.setGlobalContextManager(manager.enable());
});
beforeEach(() => exporter.reset());
afterAll(async () => {
  context.disable();
  await provider.shutdown();
});

/** Runs an operation as a span, of which those that are begun inside are children: all that it takes to use it. */
function* traced<T>(name: string, body: () => Operation<T>): Coroutine<T> {
  const span: Span = tracer.startSpan(name);
  try {
    return yield* context.with(trace.setSpan(context.active(), span), () => inContext(body));
  } catch (error) {
    span.recordException(error as Error);
    throw error;
  } finally {
    span.end();
  }
}

function spans(): ReadonlyMap<string, ReadableSpan> {
  return new Map(exporter.getFinishedSpans().map((span) => [span.name, span]));
}

/** The name of the span in which a span was begun. */
function parentOf(name: string): string | undefined {
  const all = [...spans().values()];
  const id = spans().get(name)?.parentSpanContext?.spanId;
  return all.find((span) => span.spanContext().spanId === id)?.name;
}

describe("a span", () => {
  test("is the parent of those that are begun inside, across waits, tasks and combinators", async () => {
    function* query(name: string): Coroutine<void> {
      yield* traced(`query ${name}`, () => sleep(1));
    }
    function* request(name: string): Coroutine<void> {
      yield* sleep(1);
      yield* all([query(`${name}.1`), query(`${name}.2`)]);
      yield* until(Promise.resolve());
      yield* map([3, 4], (n) => query(`${name}.${n}`), { concurrency: 1 });
      yield* group(function* (g) {
        g.spawn(query(`${name}.5`));
      });
    }
    await run(() => all(["a", "b", "c"].map((name) => traced(`request ${name}`, () => request(name)))));
    expect(spans().size).toBe(18);
    for (const name of ["a", "b", "c"]) {
      expect(parentOf(`request ${name}`)).toBe(undefined);
      for (let n = 1; n <= 5; n++) expect(parentOf(`query ${name}.${n}`)).toBe(`request ${name}`);
    }
  });

  test("is active in code that knows nothing of coroutines: callbacks and promises that are begun inside", async () => {
    async function library(): Promise<void> {
      await Promise.resolve();
      tracer.startSpan("inside the library").end();
      await new Promise<void>((resolve) =>
        setTimeout(() => {
          tracer.startSpan("inside a callback").end();
          resolve();
        }),
      );
    }
    await run(() => traced("request", () => until(library())));
    // Given as a promise it was begun outside; given as a function it is called inside.
    expect(parentOf("inside the library")).toBe("request");
    expect(parentOf("inside a callback")).toBe("request");
  });

  test("ends with its operation when that is cancelled, and keeps what it threw", async () => {
    await run(() =>
      group(function* (g) {
        const task = g.spawn(traced("left", () => sleep(1000)));
        yield* sleep(1);
        task.cancel();
      }),
    );
    function* fails(): Coroutine<void> {
      yield* sleep(1);
      throw new RangeError("no");
    }
    await expect(run(() => traced("failed", fails))).rejects.toThrow("no");
    expect([...spans().keys()]).toEqual(["left", "failed"]);
    expect(spans().get("failed")?.events[0]?.name).toBe("exception");
  });

  test("has the right parent on every schedule", () =>
    onEverySchedule(function* () {
      exporter.reset();
      function* inner(name: string): Coroutine<void> {
        yield* sleep(1);
        yield* traced(`inner ${name}`, () => sleep(0));
      }
      yield* all(["a", "b", "c", "d"].map((name) => traced(`outer ${name}`, () => inner(name))));
      for (const name of ["a", "b", "c", "d"]) expect(parentOf(`inner ${name}`)).toBe(`outer ${name}`);
    }));
});
