import { inspect } from "node:util";

import { describe, expect, test } from "vitest";

import {
  BrokenError,
  BusyError,
  CancelledError,
  ClosedError,
  DeadlockError,
  GraceError,
  suppress,
  suppressed,
  TimeoutError,
} from "./errors.ts";

describe("suppressed", () => {
  test("is an empty list for what carries nothing, or cannot", () => {
    for (const value of [new Error("x"), {}, null, undefined, "text", 5]) expect(suppressed(value)).toEqual([]);
  });

  test("keeps others in order, each once, and never the error itself", () => {
    const error = new Error("first");
    const [a, b] = [new Error("a"), new Error("b")];
    expect(suppress(error, [a, error])).toBe(error);
    expect(suppress(error, [b, a])).toBe(error);
    expect(suppressed(error)).toEqual([a, b]);
    expect(suppress(error, [])).toBe(error);
    expect(suppress("text", [])).toBe("text");
  });

  test("what cannot carry them is wrapped, and named", () => {
    const more = new Error("more");
    for (const value of ["text", 5, undefined, Object.freeze(new Error("frozen"))]) {
      const carrier = suppress(value, [more]) as Error;
      expect(carrier).toBeInstanceOf(Error);
      expect(carrier.cause).toBe(value);
      expect(carrier.message).toContain(String(value));
      expect(suppressed(carrier)).toEqual([more]);
    }
  });

  test("is printed by Node with the error", () => {
    const error = suppress(new Error("first"), [new Error("second one")]);
    expect(inspect(error)).toContain("second one");
  });
});

describe("the errors", () => {
  test("have their names, so that logs can be searched for them", () => {
    for (const [name, error] of Object.entries({
      CancelledError: new CancelledError("x"),
      TimeoutError: new TimeoutError("x"),
      ClosedError: new ClosedError("x"),
      BrokenError: new BrokenError("x"),
      BusyError: new BusyError("x"),
      DeadlockError: new DeadlockError("x"),
      GraceError: new GraceError("x"),
    })) {
      expect(error.name).toBe(name);
      expect(String(error)).toContain(name);
      expect(error).toBeInstanceOf(Error);
    }
  });

  test("a CancelledError keeps reason and origin; a reason that is an error is its cause", () => {
    const reason = new Error("why");
    const error = new CancelledError("message", reason, "    at somewhere");
    expect([error.reason, error.origin, error.cause]).toEqual([reason, "    at somewhere", reason]);
    expect(new CancelledError("message", "text").cause).toBeUndefined();
  });

  test("a TimeoutError names its scope and its time", () => {
    expect(new TimeoutError("fetch", 10).message).toBe("fetch: not done within 10 ms");
    expect(new TimeoutError("fetch").message).toBe("fetch: the deadline has passed");
    expect(new TimeoutError("fetch").ms).toBeUndefined();
  });
});
