import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test, vi } from "vitest";

import { commandFor, shortPath, shortPaths, steering, tokenForCommand } from "./environment.ts";
import { encodeToken } from "./token.ts";

/** Runs `look` in a place with such globals. They are back before anything waits: the runner of the tests needs them too. */
function where(globals: Record<string, unknown>, look: () => void): void {
  try {
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    look();
  } finally {
    vi.unstubAllGlobals();
  }
}

const token = encodeToken(new Map([["schedule", [0, 1]]]));

describe("steering", () => {
  test("says nothing where nothing is set, or what is set is empty", () => {
    const nothing = { seed: undefined, runs: undefined, jobs: undefined, replay: undefined };
    expect(steering({})).toEqual(nothing);
    expect(steering({ RONDO_SEED: "", RONDO_RUNS: " ", RONDO_REPLAY: "" })).toEqual(nothing);
  });

  test("reads numbers and a token", () => {
    expect(steering({ RONDO_SEED: "0", RONDO_RUNS: "7", RONDO_JOBS: "2", RONDO_REPLAY: ` ${token}\n` })).toEqual({
      seed: 0,
      runs: 7,
      jobs: 2,
      replay: token,
    });
  });

  test("`random` is another seed each time, and `all` every core", () => {
    const seeds = Array.from({ length: 20 }, () => steering({ RONDO_SEED: "random" }).seed);
    expect(new Set(seeds).size).toBeGreaterThan(10);
    expect(seeds.every((seed) => Number.isInteger(seed))).toBe(true);
    expect(steering({ RONDO_JOBS: "all" }).jobs).toBeGreaterThan(0);
  });

  test("what is no number is refused, and what it may be is said", () => {
    expect(() => steering({ RONDO_SEED: "-1" })).toThrow(
      'RONDO_SEED is "-1", and must be a whole number from 0 or "random"',
    );
    expect(() => steering({ RONDO_RUNS: "1e400" })).toThrow(RangeError);
    expect(() => steering({ RONDO_RUNS: "0" })).toThrow('RONDO_RUNS is "0", and must be a whole number from 1');
    expect(() => steering({ RONDO_JOBS: "two" })).toThrow('must be a whole number from 1 or "all"');
  });

  test("a token may be in a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "rondo-"));
    try {
      const file = join(folder, "replay.txt");
      writeFileSync(file, `${token}\n`);
      expect(steering({ RONDO_REPLAY: file }).replay).toBe(token);
      writeFileSync(file, "hello");
      expect(() => steering({ RONDO_REPLAY: file })).toThrow(`RONDO_REPLAY is "${file}", and there is no replay token`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the token on a command line", () => {
  test("is there itself while it is short, and in a file when it is long", () => {
    expect(tokenForCommand(token)).toBe(token);
    const noise = Array.from({ length: 4000 }, (_, i) => (i * 7919) % 1009);
    const long = encodeToken(new Map([["data", noise]]));
    const file = tokenForCommand(long);
    try {
      expect(file).not.toBe(long);
      expect(readFileSync(file, "utf8").trim()).toBe(long);
      expect(steering({ RONDO_REPLAY: file }).replay).toBe(long);
      expect(tokenForCommand(long)).toBe(file);
    } finally {
      rmSync(file);
    }
  });
});

describe("the command", () => {
  test("names the file and the test of vitest, safe for a shell", () => {
    const context = { task: { name: "it's (a) test", file: { filepath: join(process.cwd(), "src/a b.test.ts") } } };
    expect(commandFor(context)).toBe(`npx vitest run 'src/a b.test.ts' -t 'it'\\''s \\(a\\) test'`);
  });

  test("knows its test from what vitest gives to it", (context) => {
    expect(commandFor(context)).toMatch(/environment\.test\.ts -t 'knows its test from what vitest gives to it'$/);
  });

  test("names the file of vitest where the campaign is not the test itself", () => {
    expect(commandFor(undefined)).toMatch(/^npx vitest run \S*environment\.test\.ts$/);
  });

  test("names the file and the test of node:test", () => {
    expect(commandFor({ name: "keeps $ and order", filePath: "/elsewhere/a.test.mjs" })).toMatch(
      /^node .*--test '--test-name-pattern=keeps \\\$ and order' \/elsewhere\/a\.test\.mjs$/,
    );
  });

  test("is the program itself where there is no runner", () => {
    const process = {
      ...globalThis.process,
      getBuiltinModule: globalThis.process.getBuiltinModule,
      cwd: () => "/home/me",
      execArgv: ["--inspect-port=0", "--conditions=rondo-source", "--test", "-r", "./hook.js", "--node-snapshot"],
      argv: ["/usr/bin/node", "/home/me/check.ts", "--deep run"],
    };
    let command: string | undefined;
    where({ __vitest_worker__: undefined, process }, () => {
      command = commandFor(undefined);
    });
    expect(command).toBe("node --conditions=rondo-source -r ./hook.js check.ts '--deep run'");
  });

  test("is none in a browser, where paths and tokens are left as they are", () => {
    let found: unknown;
    where({ process: undefined }, () => {
      found = {
        command: commandFor(undefined),
        steering: steering(),
        token: tokenForCommand("rondo1.".padEnd(9000, "A")).length,
        path: shortPath("http://localhost/a.js"),
        paths: shortPaths("at http://localhost/a.js"),
      };
    });
    expect(found).toEqual({
      command: undefined,
      steering: { seed: undefined, runs: undefined, jobs: undefined, replay: undefined },
      token: 9000,
      path: "http://localhost/a.js",
      paths: "at http://localhost/a.js",
    });
  });
});

describe("paths", () => {
  test("in this folder are short", () => {
    expect(shortPath(`file://${process.cwd()}/src/a%20b.ts`)).toBe("src/a b.ts");
    expect(shortPath("/elsewhere/a.ts")).toBe("/elsewhere/a.ts");
    expect(shortPaths(`at f (file://${process.cwd()}/a.ts:1:2), ${process.cwd()}/b.ts`)).toBe("at f (a.ts:1:2), b.ts");
  });
});
