import { describe, expect, test } from "vitest";

import type { Draw } from "./choices.ts";
import type { Told } from "./engine.ts";
import type { Run } from "./simulate.ts";
import type { StepRecord } from "./steps.ts";
import { choicesInWords, partingInWords, partingOf, storyOf, tableOf, timeText } from "./words.ts";

/** A step of a task, `[task, after, line]`, with what is out of the ordinary. */
function step(
  index: number,
  [task, after, line]: readonly [string, string, number?],
  more: Partial<StepRecord> = {},
): StepRecord {
  return {
    index,
    time: index,
    node: "world",
    task,
    id: task.charCodeAt(0),
    before: undefined,
    after,
    stack: line === undefined ? [] : [{ name: task, file: "/src/bank.ts", line, column: 3 }],
    overtook: undefined,
    cut: 0,
    hash: index,
    ...more,
  };
}

function run(table: readonly StepRecord[], draws: readonly Draw[] = [], story: readonly Told[] = []): Run {
  return {
    ok: false,
    value: undefined,
    error: new Error("wrong"),
    virtual: 0,
    steps: table.length,
    packets: 0,
    hash: "",
    seed: 1,
    policy: "fifo",
    choices: new Map(),
    limitsOf: () => [],
    reports: [],
    sometimes: new Map(),
    waiting: "",
    story,
    table,
    draws,
  };
}

function draw(stream: string, value: number, label?: string): Draw {
  return { stream, index: 2, n: 10, value, label };
}

describe("times", () => {
  test("are in the unit that a person would use", () => {
    expect([0, 0.123, 36, 999.4, 1200, 119_990, 3_600_000].map(timeText)).toEqual([
      "0 ms",
      "0.12 ms",
      "36 ms",
      "999.4 ms",
      "1.2 s",
      "119.99 s",
      "60 min",
    ]);
  });
});

describe("choices in words", () => {
  test("of a tame run say that it is", () => {
    expect(choicesInWords(run([step(0, ["A", "sleep"])]))).toEqual([
      "nothing: first in, first out, and all else that is left to chance as tame as can be",
    ]);
  });

  test("say who came before whom, and who gave way", () => {
    const table = [
      step(35, ["A", "sleep"]),
      step(36, ["B", "done"], { overtook: { id: 65, task: "A" } }),
      step(37, ["A", "turn"], { cut: 2 }),
      step(38, ["C", "turn"], { overtook: { id: 65, task: "A" }, cut: 11 }),
    ];
    expect(choicesInWords(run(table)).slice(0, 4)).toEqual([
      "first in, first out, except",
      '- at step 36: "B" before "A"',
      '- at step 37: "A" gives way at its 2nd wait, though it could go on at once',
      '- at step 38: "C" before "A", and "C" gives way at its 11th wait, though it could go on at once',
    ]);
  });

  test("call a task that was passed over what it is called in the table", () => {
    const table = [
      step(0, ["A", "sleep"], { id: 1 }),
      step(1, ["A", "sleep"], { id: 2 }),
      step(2, ["B", "done"], { overtook: { id: 2, task: "A" } }),
      step(3, ["B", "done"], { overtook: { id: 9, task: "Z" } }),
    ];
    expect(choicesInWords(run(table)).slice(1, 3)).toEqual([
      '- at step 2: "B" before "A (2)"',
      '- at step 3: "B" before "Z"',
    ]);
  });

  test("say what else was drawn, without what the steps say already", () => {
    const draws = [
      draw("schedule", 1),
      draw("cuts", 1),
      draw("preemption", 1),
      draw("data", 0, "tame"),
      draw("data", 7, "dice"),
      draw("link a>b", 3),
    ];
    expect(choicesInWords(run([], draws))).toEqual([
      "first in, first out",
      'data "dice": 7 out of 10 (draw 2)',
      "link a>b: 3 out of 10 (draw 2)",
    ]);
  });

  test("are cut off where nobody would read on", () => {
    const draws = Array.from({ length: 100 }, () => draw("data", 1));
    const lines = choicesInWords(run([], draws));
    expect(lines).toHaveLength(1 + 24 + 1);
    expect(lines.at(-1)).toBe("… and 76 more");
  });
});

describe("the story", () => {
  test("is what was done, without the failure itself", () => {
    const story = [
      { time: 1200, step: 1, text: "link b>c is cut" },
      { time: 1300, step: 2, text: "world fails: Error: wrong" },
      { time: 1300, step: 2, text: "b fails: Error: another" },
    ];
    expect(storyOf(run([], [], story))).toEqual(["1.2 s: link b>c is cut", "1.3 s: b fails: Error: another"]);
  });
});

describe("the table", () => {
  test("has a column a task and a row a step, and a star where it is out of order", () => {
    const table = [
      step(0, ["A", 'lock "x"', 12]),
      step(1, ["B", "turn", 7], { overtook: { id: 65, task: "A" } }),
      step(2, ["A", "done"]),
    ];
    const story = [{ time: 1.5, step: 2, text: "link a>b is cut" }];
    expect(tableOf(run(table, [], story))).toEqual([
      "  step       ms | A                              | B",
      "----------------+--------------------------------+---------------------",
      '     0        0 | waits for lock "x", bank.ts:12 |',
      "    *1        1 |                                | gives way, bank.ts:7",
      "            1.5 | == link a>b is cut",
      "     2        2 | done                           |",
    ]);
  });

  test("of many tasks is a line a step", () => {
    const table = ["A", "B", "C", "D", "E"].map((task, index) => step(index, [task, "sleep", 3]));
    expect(tableOf(run(table))[4]).toBe("     4        4 | E: waits for sleep, bank.ts:3");
  });

  test("keeps the place readable where a label is too long", () => {
    const [, , row] = tableOf(run([step(0, ["A", "a very long label of some wait or other", 123])]));
    expect(row).toBe("     0        0 | waits for a very long la…, bank.ts:123");
  });

  test("begins a little before the first step that is out of order", () => {
    const table = Array.from({ length: 30 }, (_, i) => step(i, ["AB"[i % 2] as string, `sleep ${i}`]));
    table[20] = step(20, ["A", "turn"], { overtook: { id: 66, task: "B" } });
    const lines = tableOf(run(table));
    expect(lines[2]).toBe("     …          | 16 steps left out");
    expect(lines[3]).toMatch(/^ +16 /);
    expect(lines).toHaveLength(2 + 1 + 14);
  });

  test("leaves out the middle of a long story", () => {
    const table = Array.from({ length: 500 }, (_, i) => step(i, ["A", `sleep ${i}`]));
    const lines = tableOf(run(table));
    expect(lines).toHaveLength(2 + 12 + 1 + 40);
    expect(lines[14]).toBe("     …          | 448 steps left out");
  });

  test("shows of the middle of a long story what is around the steps that matter", () => {
    const table = Array.from({ length: 500 }, (_, i) => step(i, ["A", `sleep ${i}`]));
    table[0] = step(0, ["A", "turn"], { cut: 1 });
    table[200] = step(200, ["A", "turn"], { overtook: { id: 66, task: "B" } });
    const lines = tableOf(run(table, [], [{ time: 300, step: 300, text: "b crashes" }]));
    const shown = lines.map((line) => line.slice(0, 6).trim());
    expect(shown.slice(13, 31)).toEqual([
      "11",
      "…",
      "198",
      "199",
      "*200",
      "201",
      "202",
      "203",
      "…",
      "298",
      "299",
      "",
      "300",
      "301",
      "302",
      "303",
      "…",
      "460",
    ]);
    expect(lines.filter((line) => line.includes("left out"))).toEqual([
      "     …          | 186 steps left out",
      "     …          | 94 steps left out",
      "     …          | 156 steps left out",
    ]);
  });

  test("says what is gone through again and again only once", () => {
    const table = Array.from({ length: 101 }, (_, i) =>
      step(i, i === 100 ? ["A", "done"] : ["AB"[i % 2] as string, "sleep", 5]),
    );
    const lines = tableOf(run(table)).slice(2);
    expect(lines.map((line) => line.slice(0, 7).trim())).toEqual(["0", "1", "…", "100"]);
    expect(lines[2]).toBe("     …          | 98 more steps like these");
  });

  test("does not leave out a step at which something was done, or that is out of order", () => {
    const table = Array.from({ length: 40 }, (_, i) =>
      step(i, ["A", "sleep", 5], i === 20 ? { overtook: { id: 66, task: "B" } } : {}),
    );
    const story = [{ time: 30, step: 30, text: "b crashes" }];
    const lines = tableOf(run(table, [], story));
    expect(lines.some((line) => line.startsWith("   *20 "))).toBe(true);
    const told = lines.findIndex((line) => line.includes("== b crashes"));
    expect(lines[told + 1]).toMatch(/^ +30 /);
  });

  test("tells tasks of one name, and of several nodes, apart", () => {
    const table = [
      step(0, ["A", "sleep"], { id: 1 }),
      step(1, ["A", "sleep"], { id: 2 }),
      step(2, ["A", "sleep"], { id: 3, node: "b" }),
      step(3, ["b", "sleep"], { id: 4, node: "b" }),
    ];
    expect(tableOf(run(table))[0]).toBe("  step       ms | A               | A (2)           | b/A             | b");
  });

  test("of a story whose beginning was not written down says so", () => {
    expect(tableOf(run([step(900, ["A", "sleep"])]))[2]).toBe("     …          | 900 steps left out");
  });

  test("of nothing is nothing", () => {
    expect(tableOf(run([]))).toEqual([]);
  });
});

describe("two runs", () => {
  const one = run([step(0, ["A", "sleep", 4]), step(1, ["A", "done"])]);

  test("part where their hashes do", () => {
    const other = run([step(0, ["A", "sleep", 4]), step(1, ["B", "turn", 9], { hash: 77 })]);
    expect(partingOf(one, other)).toBe(1);
    expect(partingInWords(one, other, "this", "that")).toEqual([
      'this: step 1, 1 ms: "A" done',
      'that: step 1, 1 ms: "B" gives way at /src/bank.ts:9',
    ]);
  });

  test("part at the end of the shorter one", () => {
    const longer = run([...one.table, step(2, ["B", "sleep"])]);
    expect(partingInWords(one, longer, "this", "that")).toEqual([
      "this: the run is over after 2 steps",
      'that: step 2, 2 ms: "B" waits for sleep',
    ]);
  });

  test("that are alike do not part", () => {
    expect(partingOf(one, one)).toBe(-1);
    expect(partingInWords(one, one, "this", "that")).toEqual([]);
  });

  test("of which only the ends are written down cannot be compared", () => {
    expect(partingOf(one, run([step(5, ["A", "sleep"])]))).toBe(-1);
  });
});
