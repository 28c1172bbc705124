import type { Source } from "@rondo/crawl";
import { type Coroutine, group, now, run, sleep, VirtualHost } from "rondo";
import { expect, test } from "vitest";
import { Terminal } from "../../tests/terminal.ts";
import type { Output } from "../io.ts";
import { paint } from "../paint.ts";
import { WatchView } from "./live-watch.ts";
import type { LiveOutcome } from "./live-state.ts";
import { headlinesFor, type LiveOptions, showLive } from "./live.ts";

/** A run of which the test decides what happens. */
class Fake {
  readonly progress = { total: 0, waiting: 0, running: 0, done: 0, failed: 0, backingOff: 0, bytes: 0, waited: 0 };
  readonly running = new Set<{ source: Source; begun: number; stage: string }>();
  readonly outcomes: LiveOutcome[] = [];

  constructor(total: number) {
    this.progress.total = total;
    this.progress.waiting = total;
  }

  begin(name: string, stage = "asking"): { source: Source; begun: number; stage: string } {
    const host = `${name}.example`;
    const visit = { source: { url: `https://${host}/`, host, name }, begun: now(), stage };
    this.running.add(visit);
    this.progress.waiting--;
    this.progress.running++;
    return visit;
  }

  end(visit: ReturnType<Fake["begin"]>, failure?: string, bytes = 1000): void {
    this.running.delete(visit);
    this.progress.running--;
    this.progress[failure === undefined ? "done" : "failed"]++;
    this.progress.bytes += bytes;
    const { source, begun } = visit;
    const elapsed = now() - begun;
    this.outcomes.push(
      failure === undefined
        ? { ok: true, source, elapsed, title: undefined, articles: 3 }
        : { ok: false, source, elapsed, failure: { kind: "timeout", message: failure } },
    );
  }
}

/** Runs `body` beside the view, in virtual time. */
function beside(
  output: Output,
  fake: Fake,
  body: () => Coroutine<void>,
  more: Partial<LiveOptions> = {},
): Promise<void> {
  const options: LiveOptions = { run: fake, output, paint: paint(false), env: {}, terms: [], ...more };
  return run(
    () =>
      group(function* (g) {
        g.spawn(showLive(options), { daemon: true });
        yield* body();
      }),
    { host: new VirtualHost() },
  );
}

const terminal = (columns = 80, rows = 24): Terminal => new Terminal({ columns, rows });

test("a run is shown as it goes, and taken away when it ends", async () => {
  const output = terminal();
  const fake = new Fake(3);
  output.write("$ rondo news\r\n");
  await beside(output, fake, function* () {
    const slow = fake.begin("Slow");
    fake.end(fake.begin("Quick"));
    fake.end(fake.begin("Gone"), "Gone.example answers HTTP 404");
    yield* sleep(3000);
    expect(output.screen[1]).toMatch(/^ . 1 running · 1 done · 1 failed$/);
    expect(output.screen[2]).toMatch(/ 66 % {2}2\.0 kB/);
    expect(output.screen).toContainEqual(expect.stringMatching(/^ {3}Slow +asking +[23]\.\d s$/));
    expect(output.screen).toContain(" ✗ Gone: Gone.example answers HTTP 404");
    expect(output.cursorShown).toBe(false);
    fake.end(slow);
  });
  expect(output.everything).toEqual(["$ rondo news"]);
  expect([output.cursor, output.cursorShown]).toEqual([[1, 0], true]);
});

test.each([
  ["an error of the work", true],
  ["a cancellation", false],
])("the terminal gets its old state back after %s", async (_, throws) => {
  const output = terminal();
  const fake = new Fake(1);
  const ends = beside(output, fake, function* () {
    fake.begin("A");
    yield* sleep(1000);
    if (throws) throw new Error("broken");
    yield* group(function* (g) {
      g.cancel("enough");
      yield* sleep(1);
    });
  });
  await expect(ends).rejects.toThrow(throws ? "broken" : "enough");
  expect(output.everything).toEqual([]);
  expect([output.cursor, output.cursorShown, output.wraps]).toEqual([[0, 0], true, true]);
  expect(output.writes.at(-1)?.endsWith("\u001B[?25h")).toBe(true);
});

test("an error of drawing itself leaves the cursor shown too", async () => {
  const output = terminal();
  let looked = 0;
  const note = (): string => {
    if (++looked > 3) throw new Error("no note");
    return "fine";
  };
  const ends = beside(output, new Fake(1), () => sleep(5000) as unknown as Coroutine<void>, { note });
  await expect(ends).rejects.toThrow("no note");
  expect([output.cursorShown, output.everything]).toEqual([true, []]);
});

test(
  "no more than twelve frames a second are drawn, and none where nothing has changed",
  { tags: ["long"] },
  async () => {
    const output = terminal();
    const fake = new Fake(1000);
    await beside(output, fake, function* () {
      const visit = fake.begin("A");
      for (let step = 0; step < 1000; step++) {
        fake.progress.bytes += 1000;
        yield* sleep(10);
      }
      expect(output.writes.length).toBeGreaterThan(100);
      expect(output.writes.length).toBeLessThanOrEqual(121);
      fake.end(visit);
      yield* sleep(1000);
      const before = output.writes.length;
      yield* sleep(3_600_000);
      expect(output.writes.length).toBe(before);
    });
  },
);

test("a window that changes its size is filled anew with the next frame", async () => {
  const output = new Terminal({ columns: 80, rows: 24, narrowing: "breaks" });
  const fake = new Fake(5);
  await beside(output, fake, function* () {
    fake.begin("東京新聞 ".repeat(10));
    yield* sleep(500);
    output.resize(20, 5);
    yield* sleep(100);
    expect(output.screen.length).toBeLessThanOrEqual(4);
    expect(output.screen[0]).toMatch(/^ . 0\/5$/);
    output.resize(120, 40);
    yield* sleep(100);
    expect(output.screen[0]).toMatch(/^ . 1 running · 4 waiting · 0 done$/);
  });
  expect([output.everything, output.wrapped]).toEqual([[], 0]);
});

test("the rate is smoothed: it neither jumps to a burst nor drops to nothing in a pause", async () => {
  const output = terminal();
  const fake = new Fake(100);
  const rate = (): number => {
    const [, number, unit] = /([\d.]+) (B|kB|MB)\/s/.exec(output.screen.join("\n")) ?? [];
    return Number(number) * ({ B: 1, kB: 1e3, MB: 1e6 }[unit ?? ""] ?? Number.NaN);
  };
  await beside(output, fake, function* () {
    fake.begin("A");
    yield* sleep(500);
    expect(rate()).toBeNaN();
    for (let step = 0; step < 150; step++) {
      fake.progress.bytes += 100_000;
      yield* sleep(100);
    }
    expect(rate()).toBeGreaterThan(900_000);
    expect(rate()).toBeLessThan(1_100_000);
    fake.progress.bytes += 3_000_000;
    yield* sleep(100);
    expect(rate()).toBeLessThan(2_500_000);
    yield* sleep(1000);
    expect(rate()).toBeGreaterThan(100_000);
  });
});

test("the time left is not shown before it means something, and then it is about right", async () => {
  const output = terminal();
  const fake = new Fake(200);
  const left = (): string => / left|$/.exec(output.screen[1] ?? "")?.[0] ?? "";
  await beside(
    output,
    fake,
    function* () {
      for (let source = 0; source < 199; source++) {
        const visit = fake.begin(`s${source}`);
        yield* sleep(100);
        fake.end(visit);
        if (now() === 2900) expect(left()).toBe("");
        if (now() === 10_000) expect(output.screen[1]).toContain("about 10 s left");
      }
      // The last one hangs. The pace of the others says nothing about it: its own deadline does.
      fake.begin("last");
      yield* sleep(2100);
      expect(output.screen[1]).toContain("at most 13 s left");
    },
    { timeout: 15_000 },
  );
});

test("headlines come at a pace at which they can be read, those with a term first, and each once", async () => {
  const output = terminal(80, 30);
  const headlines = headlinesFor(["storm"]);
  const source = { url: "https://a.example/", host: "a.example", name: "Paper" };
  const articles = (from: number, to: number): { articles: { title: string }[]; title: undefined } => ({
    articles: Array.from({ length: to - from }, (_, at) => ({ title: `Plain ${from + at}` })),
    title: undefined,
  });
  const take = (document: { articles: { title: string }[]; title: undefined }): void =>
    headlines.take(document as unknown as Parameters<typeof headlines.take>[0], source);
  await beside(
    output,
    new Fake(1),
    function* () {
      for (let feed = 0; feed < 10; feed++) take(articles(feed * 4, feed * 4 + 4));
      yield* sleep(500);
      const shown = (): string[] => output.screen.filter((line) => line.includes("Paper"));
      expect(shown().length).toBe(10);
      const before = shown();
      take(articles(0, 4));
      take({ articles: [{ title: "The storm" }], title: undefined });
      yield* sleep(800);
      const fresh = shown().filter((line) => !before.includes(line));
      expect(fresh.length).toBeGreaterThan(1);
      expect(fresh.length).toBeLessThanOrEqual(3);
      expect(fresh.at(-1)).toContain("The *storm*");
      yield* sleep(60_000);
      expect(new Set(shown()).size).toBe(10);
    },
    { headlines, terms: ["storm"] },
  );
});

class Log implements Output {
  text = "";
  readonly isTTY: boolean;

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

test("elsewhere there is a line for each source that ends", async () => {
  const output = new Log();
  const fake = new Fake(3);
  await beside(output, fake, function* () {
    const first = fake.begin("First");
    yield* sleep(1200);
    fake.end(first);
    yield* sleep(1000);
    fake.end(fake.begin("Second\u001B[2J"), "no answer\nwithin 15 s");
    // It ends before anybody looked.
  });
  expect(output.text).toBe(
    "1.5 s: First: 3 articles, 1.2 s\n2.2 s: Second [2J: failed, timeout: no answer within 15 s\n",
  );
});

test("when sources end faster than anybody reads, they are counted; failures are all there", async () => {
  const output = new Log();
  const fake = new Fake(5000);
  await beside(output, fake, function* () {
    for (let source = 0; source < 5000; source++) {
      fake.end(fake.begin(`s${source}`), source % 10 === 0 ? `cause ${source}` : undefined);
      if (source % 100 === 0) yield* sleep(100);
    }
  });
  const lines = output.text.trimEnd().split("\n");
  const failed = lines.filter((line) => line.includes("failed")).map((line) => Number(/cause (\d+)$/.exec(line)?.[1]));
  expect(failed).toEqual(Array.from({ length: 500 }, (_, at) => at * 10));
  const named = lines.filter((line) => line.includes("articles")).length;
  const counted = lines.reduce(
    (sum, line) => sum + Number(/ ([\d,]+) more sources? read/.exec(line)?.[1]?.replace(",", "") ?? 0),
    0,
  );
  expect(named + counted).toBe(4500);
  expect(named).toBeLessThan(60);
});

test("a terminal that can do nothing but print gets lines too", async () => {
  const output = new Log(true);
  const fake = new Fake(1);
  await beside(
    output,
    fake,
    function* () {
      fake.end(fake.begin("A"));
      yield* sleep(1000);
    },
    { env: { TERM: "dumb" } },
  );
  expect(output.text).toBe("500 ms: A: 3 articles, 0 ms\n");
});

/** A watch of which the test decides what happens. */
function watched(): { watch: Fake & { sources: number; next: number | undefined }; view: WatchView } {
  const watch = Object.assign(new Fake(0), { sources: 42, next: undefined as number | undefined });
  return { watch, view: new WatchView(["storm"], () => Date.UTC(2026, 10, 22) + now()) };
}
const options = ({ watch, view }: ReturnType<typeof watched>): Partial<LiveOptions> =>
  view.of(watch as unknown as Parameters<WatchView["of"]>[0]);
const told = (event: unknown): Parameters<WatchView["take"]>[0] => event as Parameters<WatchView["take"]>[0];

test("a watch shows how many it watches, when the next is due and what is new, and has no end to tell", async () => {
  const output = terminal(80, 30);
  const all = watched();
  await beside(
    output,
    all.watch,
    function* () {
      yield* sleep(500);
      expect(output.screen).toEqual([" · 0 running · 0 done", " 42 sources watched   0 B"]);
      const source = { url: "https://a.example/", host: "a.example", name: "Paper" };
      all.view.take(told({ kind: "done", outcome: { ok: true, source, elapsed: 9 }, fresh: [{ title: "A storm" }] }));
      const failure = { kind: "timeout", message: "no answer" };
      all.view.take(told({ kind: "failed", outcome: { ok: false, source, elapsed: 9, failure } }));
      all.view.take(told({ kind: "subscriptions", added: [], removed: [] }));
      all.watch.next = Date.UTC(2026, 10, 22) + now() + 240_400;
      yield* sleep(1000);
      expect(output.screen[1]).toBe(" 42 sources watched   0 B   next in 4 min");
      expect(output.screen).toContain(" ✗ Paper: no answer");
      expect(output.screen.at(-1)).toMatch(/^ {3}Paper +A \*storm\*$/);
    },
    options(all),
  );
});

test("a watch that is asked to stop says so until it has", async () => {
  const output = terminal();
  await run(
    () =>
      group(function* (g) {
        const all: LiveOptions = { run: new Fake(1), output, paint: paint(false), env: {}, terms: [] };
        g.spawn(showLive(all), { daemon: true });
        yield* sleep(500);
        expect(output.screen[0]).not.toContain("stopping");
        g.stop();
        yield* sleep(500);
        expect(output.screen[0]).toContain("stopping; Ctrl-C again");
      }),
    { host: new VirtualHost() },
  );
  expect(output.everything).toEqual([]);
});
