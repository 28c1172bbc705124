// How soon each planted bug is found: by every policy of the simulator, by fast-check's scheduler, and by running the same
// program again and again. Writes the table into docs/simulation.md, between the two marks that stand there.
//
//   npm run planted [-- --quick] [-- NAME]
//
// For each bug and each policy many seeds are run, one after the other, and how many runs there were from one failure to the
// next is counted; the median of these is what the table shows. "-": never, in as many runs as there was time for.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { planted } from "../packages/rondo/tests/planted/index.ts";
import { decisionsIn, type Dice, type Planted, runPlanted } from "../packages/rondo/tests/planted/planted.ts";
import { inPromises } from "../packages/rondo/tests/planted/in-promises.ts";
import { run } from "../packages/rondo/src/index.ts";
import { delayBounded, fifo, pct, type Policy, randomWalk } from "../packages/rondo/src/sim/index.ts";
import { measuring, mix, policyOf } from "../packages/rondo/src/sim/policy-mix.ts";
import { root } from "./repo.ts";

const words = process.argv.slice(2);
const isQuick = words.includes("--quick");
const only = words.find((word) => !word.startsWith("--"));
/** For one cell of the table, whichever comes first. */
const MOST_RUNS = isQuick ? 1000 : 20_000;
const MOST_MS = isQuick ? 400 : 3000;
/** So many failures are enough for a median. */
const ENOUGH = 101;

/** What is counted: how many runs there were until each failure. */
class Gaps {
  readonly found: number[] = [];
  private since = 0;
  private runs = 0;
  private readonly began = performance.now();

  get more(): boolean {
    return this.runs < MOST_RUNS && this.found.length < ENOUGH && performance.now() - this.began < MOST_MS;
  }

  add(failed: boolean): void {
    this.runs++;
    this.since++;
    if (!failed) return;
    this.found.push(this.since);
    this.since = 0;
  }

  toString(): string {
    const sorted = this.found.toSorted((a, b) => a - b);
    return sorted.length === 0 ? "-" : String(sorted[sorted.length >> 1]);
  }
}

function simulated(bug: Planted, policies: readonly Policy[]): Gaps {
  const gaps = new Gaps();
  const expected = decisionsIn(bug, "broken");
  for (let seed = 1; gaps.more; seed++)
    gaps.add(!runPlanted(bug, "broken", { seed, policy: policyOf(policies, seed), expected }).ok);
  return gaps;
}

/** fast-check's scheduler orders the steps of the same program, written with async and await. */
async function scheduled(bug: Planted): Promise<string> {
  const program = inPromises.get(bug.name);
  if (program === undefined) return "";
  const gaps = new Gaps();
  for (let seed = 1; gaps.more; seed++) gaps.add(await program(seed));
  return String(gaps);
}

/** The same program on the real loop, with real timers and real chance, again and again. */
async function plain(bug: Planted): Promise<string> {
  if (bug.on !== "tasks") return "";
  const gaps = new Gaps();
  while (gaps.more) {
    let failed = false;
    try {
      await run(() => bug.broken(realDice));
    } catch {
      failed = true; // whatever it is: this is what a test would see
    }
    gaps.add(failed);
  }
  return String(gaps);
}

const realDice: Dice = {
  choose: (n) => Math.floor(Math.random() * n),
  chance: (probability) => Math.random() < probability,
  integer: (min, max) => min + Math.floor(Math.random() * (max - min + 1)),
  pick: (items) => items[Math.floor(Math.random() * items.length)] as (typeof items)[number],
};

const columns: readonly (readonly [string, readonly Policy[]])[] = [
  ["in order, with faults", [fifo]],
  ["random", [randomWalk]],
  ["PCT 2", [pct({ depth: 2 })]],
  ["PCT 3", [pct({ depth: 3 })]],
  ["delays", [delayBounded({ delays: 2 })]],
  ["mix", mix],
];

const header = ["bug", ...columns.map(([name]) => name), "first run", "fast-check", "plain runs"];
const rows: string[][] = [];
for (const bug of planted) {
  if (only !== undefined && !bug.name.includes(only)) continue;
  const cells = columns.map(([, policies]) => String(simulated(bug, policies)));
  const first = runPlanted(bug, "broken", { policy: measuring }).ok ? "" : "yes";
  const row = [bug.name, ...cells, first, await scheduled(bug), await plain(bug)];
  rows.push(row);
  process.stdout.write(`${row.map((cell) => cell || ".").join(" | ")}\n`);
}

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const table = [line(header), line(header.map((_, i) => (i === 0 ? "---" : "--:"))), ...rows.map(line)].join("\n");
const page = join(root, "docs", "simulation.md");
const marks = /(<!-- planted bugs -->\n)[\s\S]*?(<!-- end -->)/;
const text = readFileSync(page, "utf8");
if (!isQuick && only === undefined) {
  if (!marks.test(text)) throw new Error(`${page} has no marks to put the table between`);
  writeFileSync(
    page,
    text.replace(marks, (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`),
  );
}
