import * as fc from "fast-check";
import { expect, test } from "vitest";

import { type Call, History } from "./history.ts";
import { assertLinearizable, checkLinearizable, LinearizabilityError } from "./linearizability.ts";
import { casRegister, defineModel, fifoQueue, keyValue, type Model, permits, register } from "./models.ts";

/** A history from words: `a write 1`, later `a ok`; each line is an event. */
function history(...events: string[]): History {
  const made = new History();
  const open = new Map<string, Call>();
  for (const event of events) {
    const [process = "", word = "", value] = event.split(" ");
    const given: unknown = value === undefined ? undefined : JSON.parse(value);
    const call = open.get(process);
    if (call === undefined) open.set(process, made.begin(process, word, given));
    else {
      open.delete(process);
      if (word === "ok") made.ok(call, given);
      else made[word as "fail" | "info"](call);
    }
  }
  return made;
}

test("calls one after the other must give what the model gives", () => {
  const good = history("a write 1", "a ok", "b read", "b ok 1");
  expect(checkLinearizable(good, register(0))).toMatchObject({ answer: "linearizable", failure: undefined });
  const stale = history("a write 1", "a ok", "b read", "b ok 0");
  expect(checkLinearizable(stale, register(0)).answer).toBe("not linearizable");
});

test("calls that overlap may have happened in either order", () => {
  for (const seen of [0, 1]) {
    const overlapping = history("a write 1", "b read", `b ok ${seen}`, "a ok");
    expect(checkLinearizable(overlapping, register(0)).answer).toBe("linearizable");
  }
});

test("a call that would change nothing now may be the one that changes something later", () => {
  const made = history("a write 0", "b write 1", "b ok", "a ok", "c read", "c ok 0");
  expect(checkLinearizable(made, register(0)).answer).toBe("linearizable");
});

test("what has been seen cannot be unseen, though the write is still under way", () => {
  const torn = history("a write 1", "b read", "b ok 1", "c read", "c ok 0", "a ok");
  expect(checkLinearizable(torn, register(0)).answer).toBe("not linearizable");
});

test("a call of unknown outcome may have happened, at any time after it began, or never", () => {
  const after = ["b read", "b ok 0", "c read"];
  expect(checkLinearizable(history("a write 1", "a info", ...after, "c ok 1"), register(0)).answer).toBe(
    "linearizable",
  );
  expect(checkLinearizable(history("a write 1", "a info", ...after, "c ok 0"), register(0)).answer).toBe(
    "linearizable",
  );
  const unasked = history("b read", "b ok 1", "a write 1", "a info");
  expect(checkLinearizable(unasked, register(0)).answer).toBe("not linearizable");
});

test("a call that never ended counts as one of unknown outcome, and one that failed as none", () => {
  expect(checkLinearizable(history("a write 1", "b read", "b ok 1"), register(0)).answer).toBe("linearizable");
  const failed = history("a write 1", "a fail", "b read", "b ok 1");
  expect(checkLinearizable(failed, register(0)).answer).toBe("not linearizable");
});

test("an unknown call happens at most once", () => {
  const twice = history("a put 1", "a info", "b get", "b ok 1", "b get", "b ok 1");
  expect(checkLinearizable(twice, fifoQueue()).answer).toBe("not linearizable");
  const two = history("a put 1", "a info", "c put 1", "c info", "b get", "b ok 1", "b get", "b ok 1");
  expect(checkLinearizable(two, fifoQueue()).answer).toBe("linearizable");
});

test("keys are checked apart, and the failure names the key", () => {
  const calls = ['a put ["x",1]', "a ok", 'a put ["y",2]', "a ok", 'b get ["x"]', "b ok 1"];
  expect(checkLinearizable(history(...calls), keyValue())).toMatchObject({ answer: "linearizable", parts: 2 });
  const verdict = checkLinearizable(history(...calls, 'b get ["y"]', "b ok 1"), keyValue());
  expect(verdict.failure?.key).toBe("y");
  expect(String(verdict)).toContain('for the key "y"');
});

test("the failure names the first call that fits nowhere, what fits before it, and what ran beside it", () => {
  const made = history(
    "a write 1",
    "a ok",
    "c write 2",
    "b read",
    "b ok 7",
    "c ok",
    "b read",
    "b ok 2",
    "b read",
    "b ok 9",
  );
  const verdict = checkLinearizable(made, register(0));
  expect(verdict.failure).toMatchObject({ culprit: { process: "b", output: 7 }, state: 1 });
  expect(verdict.failure?.prefix.map(({ process }) => process)).toEqual(["a"]);
  expect(verdict.failure?.concurrent.map(({ process }) => process)).toEqual(["c"]);
  expect(String(verdict)).toBe(
    [
      "The history is not linearizable as a register.",
      "Up to event 3 this order of its calls is good:",
      "  0 to 1 ms  a: write 1 -> done",
      "It leaves 1, and then this one ends, which fits nowhere (read gives 1):",
      "  3 to 4 ms  b: read -> 7",
      "These were under way at the same time, and fit in no order with it:",
      "  2 to 5 ms  c: write 2 -> done",
    ].join("\n"),
  );
  expect(() => assertLinearizable(made, register(0))).toThrow(LinearizabilityError);
});

test("where the budget is spent the answer is unknown, and asserting that is an error that says what to do", () => {
  const made = new History();
  const calls = Array.from({ length: 14 }, (_, i) => made.begin(`p${i}`, "put", i));
  for (const call of calls) made.ok(call);
  const order = [13, 12, 0, 1];
  for (const n of order) made.ok(made.begin("reader", "get"), n);
  made.ok(made.begin("reader", "get"), 99);
  const verdict = checkLinearizable(made, fifoQueue(), { maxSteps: 1000 });
  expect(verdict).toMatchObject({ answer: "unknown", failure: undefined });
  expect(verdict.steps).toBeLessThanOrEqual(1000);
  expect(() => assertLinearizable(made, fifoQueue(), { maxSteps: 1000 })).toThrow(/1000 steps.*raise maxSteps/);
});

test("a queue that is full or empty makes the others wait, and a lock is held by one", () => {
  const put = history("a put 1", "a ok", "b put 2", "b ok", "c get", "c ok 1");
  expect(checkLinearizable(put, fifoQueue({ capacity: 1 })).answer).toBe("not linearizable");
  const waits = history("a put 1", "a ok", "b put 2", "c get", "c ok 1", "b ok");
  expect(checkLinearizable(waits, fifoQueue({ capacity: 1 })).answer).toBe("linearizable");
  const both = history("a acquire", "b acquire", "a ok", "b ok");
  expect(checkLinearizable(both, permits(1)).answer).toBe("not linearizable");
  expect(checkLinearizable(both, permits(2)).answer).toBe("linearizable");
});

test("a model without such an operation says which it has", () => {
  expect(() => checkLinearizable(history("a reed", "a ok"), register())).toThrow(/no operation "reed".*read and write/);
  expect(() => checkLinearizable(history("a get", "a ok"), keyValue())).toThrow(/array that begins with the key/);
});

test("a model may leave several states", () => {
  /** A bag: whoever takes gets any. */
  const bag: Model<readonly number[], number, number> = {
    name: "bag",
    initial: () => [],
    step: (state, { op, input, output, known }) =>
      op === "put"
        ? [[...state, input].toSorted((a, b) => a - b)]
        : state.filter((one) => !known || one === output).map((one) => state.filter((other) => other !== one)),
  };
  const puts = ["a put 1", "a ok", "a put 2", "a ok", "b take", "b info"];
  expect(checkLinearizable(history(...puts, "c take", "c ok 1"), bag).answer).toBe("linearizable");
  expect(checkLinearizable(history(...puts, "c take", "c ok 2"), bag).answer).toBe("linearizable");
  expect(checkLinearizable(history(...puts, "c take", "c ok 2", "c take", "c ok 2"), bag).answer).toBe(
    "not linearizable",
  );
});

test("the same calls in another order that leave the same are looked at once", () => {
  const made = new History();
  const calls = Array.from({ length: 12 }, (_, i) => made.begin(`p${i}`, "write", i % 3));
  for (const call of calls) made.ok(call);
  made.ok(made.begin("reader", "read"), 9);
  // Without a memory there would be 12! orders.
  const verdict = checkLinearizable(made, register(0));
  expect(verdict.answer).toBe("not linearizable");
  expect(verdict.steps).toBeLessThan(100_000);
});

test("a long history with few at a time is checked in time that grows with its length", () => {
  const made = new History();
  let value = 0;
  for (let i = 0; i < 5000; i++) {
    const [a, b] = [made.begin("a", "write", i), made.begin("b", "read")];
    made.ok(b, i % 3 === 0 ? i : value);
    made.ok(a);
    value = i;
  }
  const verdict = checkLinearizable(made, register(0));
  expect(verdict.answer).toBe("linearizable");
  expect(verdict.steps).toBeLessThan(40_000);
});

// --- against a brute force -------------------------------------------------------------------------------------------

/** Tries every order of every choice of what happened. */
function bruteForce(calls: readonly Call[], model: Model): boolean {
  const go = (state: unknown, left: readonly Call[]): boolean => {
    if (left.every(({ outcome }) => outcome !== "ok")) return true;
    return left.some((call) => {
      const others = left.filter((one) => one !== call);
      if (others.some((one) => one.outcome === "ok" && one.ended < call.began)) return false;
      const { op, input, output, outcome } = call;
      return model.step(state, { op, input, output, known: outcome === "ok" }).some((next) => go(next, others));
    });
  };
  return go(
    model.initial(),
    calls.filter(({ outcome }) => outcome !== "fail"),
  );
}

interface Kit {
  readonly model: Model;
  readonly ask: fc.Arbitrary<{ readonly op: string; readonly input?: unknown }>;
  readonly answers: readonly unknown[];
}

const small = fc.nat(2);
const kits: Record<string, Kit> = {
  register: {
    model: register(0),
    ask: fc.oneof(fc.record({ op: fc.constant("write"), input: small }), fc.constant({ op: "read" })),
    answers: [0, 1, 2, undefined],
  },
  casRegister: {
    model: casRegister(0),
    ask: fc.oneof(
      fc.record({ op: fc.constant("write"), input: small }),
      fc.constant({ op: "read" }),
      fc.record({ op: fc.constant("cas"), input: fc.tuple(small, small) }),
    ),
    answers: [0, 1, 2, true, false, undefined],
  },
  keyValue: {
    model: keyValue(),
    ask: fc.oneof(
      fc.record({ op: fc.constant("put"), input: fc.tuple(fc.constantFrom("x", "y"), small) }),
      fc.record({ op: fc.constantFrom("get", "delete"), input: fc.tuple(fc.constantFrom("x", "y")) }),
      fc.record({ op: fc.constant("cas"), input: fc.tuple(fc.constantFrom("x", "y"), small, small) }),
    ),
    answers: [0, 1, 2, true, false, undefined],
  },
  queue: {
    model: fifoQueue({ capacity: 2 }),
    ask: fc.oneof(
      fc.record({ op: fc.constantFrom("put", "tryPut"), input: small }),
      fc.record({ op: fc.constantFrom("get", "tryGet") }),
    ),
    answers: [0, 1, 2, true, false, { value: 0 }, { value: 1 }, undefined],
  },
  lock: {
    model: permits(1),
    ask: fc.record({ op: fc.constantFrom("acquire", "tryAcquire", "release") }),
    answers: [true, false, undefined],
  },
};

/** What a random client does: it begins calls, and ends them. */
const events = (ask: Kit["ask"], most: number) =>
  fc.array(
    fc.record({
      process: fc.nat(3),
      ask,
      /** When it takes effect: at its beginning, or just before its end. */
      early: fc.boolean(),
      how: fc.constantFrom("ok", "ok", "ok", "ok", "info", "fail"),
      /** An unknown call may have happened. */
      happened: fc.boolean(),
      wrong: fc.nat(7),
    }),
    { maxLength: most },
  );

/**
 * A history made by a thing that does one operation at a time: each call takes effect at one moment between its beginning and
 * its end. With `lies` some answers are others.
 */
function play(kit: Kit, script: readonly any[], lies: boolean): History {
  const made = new History();
  let state: unknown = kit.model.initial();
  const open = new Map<number, { call: Call; effect: { output: unknown } | undefined; step: any }>();
  const effect = (step: any): { output: unknown } | undefined => {
    for (const output of [undefined, ...kit.answers]) {
      const next = kit.model.step(state, { op: step.ask.op, input: step.ask.input, output, known: true });
      if (next.length === 0) continue;
      [state] = next;
      return { output };
    }
    return undefined;
  };
  for (const step of script) {
    const held = open.get(step.process);
    if (held === undefined) {
      const call = made.begin(`p${step.process}`, step.ask.op, step.ask.input);
      const early = step.early && step.how !== "fail" && (step.how === "ok" || step.happened);
      open.set(step.process, { call, effect: early ? effect(step) : undefined, step });
      continue;
    }
    open.delete(step.process);
    const { call, step: began } = held;
    let happened = held.effect;
    if (began.how === "fail" && happened === undefined) made.fail(call);
    else if (began.how === "ok") {
      happened ??= effect(began);
      if (happened === undefined) made.fail(call); // it would have waited
      else made.ok(call, lies && step.wrong < 2 ? kit.answers[began.wrong % kit.answers.length] : happened.output);
    } else {
      if (began.happened && happened === undefined) effect(began);
      made.info(call);
    }
  }
  return made;
}

for (const [name, kit] of Object.entries(kits)) {
  // The model itself knows nothing of keys: the brute force has to be told of them.
  const brute = (calls: readonly Call[]): boolean => {
    const parts = new Map<unknown, Call[]>();
    for (const call of calls) {
      const key = kit.model.partition?.(call.op, call.input);
      parts.set(key, [...(parts.get(key) ?? []), call]);
    }
    return [...parts.values()].every((part) => bruteForce(part, kit.model));
  };
  const playable = kit.model.partition === undefined ? kit : wholeStore(kit);

  test(`${name}: what a thing gives that does one operation at a time is linearizable`, () => {
    fc.assert(
      fc.property(events(kit.ask, 60), (script) => {
        const made = play(playable, script, false);
        expect(checkLinearizable(made, kit.model).answer, made.toString()).toBe("linearizable");
      }),
      { numRuns: 200 },
    );
  });

  test(`${name}: with other answers among them the verdict is that of a brute force`, () => {
    const seen = { linearizable: 0, not: 0 };
    fc.assert(
      fc.property(events(kit.ask, 14), (script) => {
        const made = play(playable, script, true);
        const right = brute(made.calls);
        seen[right ? "linearizable" : "not"]++;
        const verdict = checkLinearizable(made, kit.model);
        expect(verdict.answer, made.toString()).toBe(right ? "linearizable" : "not linearizable");
        if (verdict.failure === undefined) return;
        const { culprit, prefix, key } = verdict.failure;
        const part = made.calls.filter((call) => kit.model.partition?.(call.op, call.input) === key);
        const until = (event: number): Call[] =>
          part
            .filter(({ began }) => began <= event)
            .map((call) =>
              call.outcome === "ok" && call.ended > event ? { ...call, outcome: "info", ended: Infinity } : call,
            );
        expect(brute(until(culprit.ended)), "the culprit is none").toBe(false);
        expect(brute(until(culprit.ended - 1)), "the culprit is a later one").toBe(true);
        for (const [i, call] of prefix.entries())
          expect(prefix.slice(i + 1).some((later) => later.outcome === "ok" && later.ended < call.began)).toBe(false);
      }),
      { numRuns: 1000 },
    );
    expect(Math.min(seen.linearizable, seen.not), JSON.stringify(seen)).toBeGreaterThan(10);
  });
}

/** The same model over all keys at once, to make histories with. */
function wholeStore(kit: Kit): Kit {
  const { model } = kit;
  const whole = {
    ...model,
    initial: () => new Map<unknown, unknown>(),
    step(state: Map<unknown, unknown>, asked: any) {
      const key = model.partition?.(asked.op, asked.input);
      const part = state.has(key) ? state.get(key) : model.initial();
      return model.step(part, asked).map((next) => new Map(state).set(key, next));
    },
  };
  return { ...kit, model: whole };
}

test("a model of one's own needs to say only what its operations do", () => {
  const stack = defineModel<readonly number[], number, number>({
    name: "stack",
    initial: () => [],
    apply: (state, op, input) =>
      op === "push" ? { state: [...state, input] } : { state: state.slice(0, -1), output: state.at(-1) as number },
  });
  const pushed = ["a push 1", "a ok", "a push 2", "a ok", "b pop"];
  expect(checkLinearizable(history(...pushed, "b ok 2"), stack).answer).toBe("linearizable");
  expect(String(checkLinearizable(history(...pushed, "b ok 1"), stack))).toContain("pop gives 2");
});
