/** The streams of the process, in processes of their own: pipes, files, a reader that goes away, and what is left for whoever comes next. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

const home = fileURLToPath(new URL("../..", import.meta.url));

let dir: string;
beforeAll(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "rondo-stdio-"));
});
afterAll(() => {
  fs.rmSync(dir, { recursive: true });
});

/** Runs a line of shell in which `$PROGRAM` is a program of Node's. */
function shell(line: string, program: string): { code: number | null; out: string; err: string } {
  const file = join(dir, `${Math.random()}.mjs`);
  const rondo = (name: string): string => JSON.stringify(new URL(`../${name}.ts`, import.meta.url).href);
  fs.writeFileSync(
    file,
    `import { run, scope, sleep, group, moveOnAfter, BrokenError } from ${rondo("index")};
     import { stdin, stdout, stderr } from ${rondo("os/index")};
     ${program}`,
  );
  const { status, stdout, stderr } = spawnSync("bash", ["-c", `set -o pipefail; ${line}`], {
    cwd: home,
    encoding: "utf8",
    timeout: 25_000,
    maxBuffer: 1e9,
    env: { ...process.env, PROGRAM: `${process.execPath} --conditions=rondo-source ${file}` },
  });
  return { code: status, out: stdout, err: stderr };
}

const CAT = `await run(function* () {
  const input = stdin(), output = stdout();
  for (let bytes = yield* input.read(); bytes !== undefined; bytes = yield* input.read()) yield* output.write(bytes);
});`;

describe("standard input and output", () => {
  for (const [what, line] of [
    ["pipes", "seq 1 20000 | $PROGRAM | cat"],
    ["files", `seq 1 20000 > ${"$D"}/in; $PROGRAM < ${"$D"}/in > ${"$D"}/out; cat ${"$D"}/out`],
    ["a pipe and a file", `seq 1 20000 | $PROGRAM > ${"$D"}/out; cat ${"$D"}/out`],
  ] as const) {
    test(`are ${what}`, () => {
      const { code, out, err } = shell(`D=${dir}; ${line}`, CAT);
      expect(err).toBe("");
      expect(out).toBe(Array.from({ length: 20_000 }, (_, n) => `${n + 1}\n`).join(""));
      expect(code).toBe(0);
    });
  }

  test("all of a long output arrives, also at a slow reader, and memory stays small", () => {
    const { out, err } = shell(
      "$PROGRAM | (sleep 0.3; wc -c)",
      `await run(function* () {
         const block = new Uint8Array(1 << 20);
         for (let i = 0; i < 100; i++) yield* stdout().write(block);
         if (process.stdout.writableLength > 4 << 20) console.error("too much is waiting");
       });
       if (process.memoryUsage().rss > 400e6) console.error("too much memory");`,
    );
    expect(err).toBe("");
    expect(out.trim()).toBe(`${100 << 20}`);
  });

  test("the end of the input is the end, again and again, and the process ends too", () => {
    const { out, code } = shell(
      "printf 'one\\ntwo' | $PROGRAM",
      `await run(function* () {
         console.log(yield* stdin().lines().toArray());
         console.log(yield* stdin().read(), yield* stdin().read());
       });
       await run(function* () { console.log(yield* stdin().read()); });`,
    );
    expect(out).toBe("[ 'one', 'two' ]\nundefined undefined\nundefined\n");
    expect(code).toBe(0);
  });

  test("an input that never ends does not keep the process alive when nobody reads it", () => {
    const { out, code } = shell(
      "$PROGRAM < <(echo first; exec sleep 5 > /dev/null 2>&1); echo ended",
      `await run(function* () {
         console.log((yield* stdin().lines().next()));
         yield* moveOnAfter(10, stdin().read());
       });
       console.log(process.stdin.listenerCount("data"), process.stdin.listenerCount("error"));
       // Whoever feeds us goes on.
       process.on("exit", () => console.log("done"));`,
    );
    expect(out).toBe("first\n0 0\ndone\nended\n");
    expect(code).toBe(0);
  });

  test("what was not read is there for whoever reads next", () => {
    const { out } = shell(
      "printf 'one\\ntwo\\nthree\\n' | $PROGRAM",
      `await run(function* () {
         yield* scope(function* () { console.log(yield* stdin().lines().next()); });
         yield* scope(function* () { console.log(yield* stdin().lines().next()); });
       });
       const { createInterface } = await import("node:readline");
       for await (const line of createInterface({ input: process.stdin })) console.log("readline:", line);`,
    );
    expect(out).toBe("one\ntwo\nreadline: three\n");
  });

  test("what was not read when the input had ended is there for the next one of ours", () => {
    const { out } = shell(
      "printf 'one\\ntwo\\n' | $PROGRAM",
      `await run(function* () {
         yield* scope(function* () { yield* stdin().read(1); yield* sleep(200); });
         yield* scope(function* () { console.log(yield* stdin().lines().toArray()); });
       });`,
    );
    expect(out).toBe("[ 'ne', 'two' ]\n");
  });

  test("a reader that has gone away is a BrokenError, and nothing else", { tags: ["long"] }, () => {
    const { out, err, code } = shell(
      "($PROGRAM; echo code $? >&2) | head -n 1",
      `try {
         await run(function* () {
           for (;;) yield* stdout().write("line\\n");
         });
       } catch (error) { console.error(error instanceof BrokenError, error.message); }`,
    );
    expect(out).toBe("line\n");
    expect(err).toBe("true stdout: the peer reads no more (EPIPE)\ncode 0\n");
    expect(code).toBe(0);
  });

  test.runIf(fs.existsSync("/dev/full"))(
    "a full disk is a SystemError with its code, also after the last write",
    { tags: ["long"] },
    () => {
      for (const after of ["", "yield* sleep(1);", 'yield* sleep(1); yield* stdout().write("x");']) {
        const { err, code } = shell(
          "$PROGRAM > /dev/full",
          `try { await run(function* () { yield* stdout().write("x"); ${after} }); }
         catch (error) { console.error(error.name, error.code, error.message); }`,
        );
        expect(err).toBe("SystemError ENOSPC stdout: the disk is full (ENOSPC)\n");
        expect(code).toBe(0);
      }
    },
  );

  test("all who ask at once share one stream, and console.log stands in line", () => {
    const { out } = shell(
      "$PROGRAM | cat",
      `await run(() => group(function* (g) {
         console.log(stdout() === stdout());
         for (let i = 0; i < 3; i++) g.spawn(function* () { for (let n = 0; n < 3; n++) yield* stdout().write(\`\${i}\${i}\${i}\\n\`); });
         console.log("between");
       }));
       console.log(process.stdout.listenerCount("error"), process.stdout.listenerCount("drain"));`,
    );
    const lines = out.trim().split("\n");
    expect(lines[0]).toBe("true");
    expect(lines.at(-1)).toBe("0 0");
    expect(lines.slice(1, -1).toSorted()).toEqual([
      "000",
      "000",
      "000",
      "111",
      "111",
      "111",
      "222",
      "222",
      "222",
      "between",
    ]);
  });

  test("a write that was cancelled half way breaks the stream of those who had it, and not of those who ask later", () => {
    const { out, err } = shell(
      `export GO=${dir}/go; $PROGRAM | (until [ -e $GO ]; do sleep 0.05; done; wc -c)`,
      `await run(function* () {
         const mine = stdout();
         const { timedOut } = yield* moveOnAfter(50, mine.write(new Uint8Array(1_000_000)));
         console.error(timedOut);
         try { yield* mine.write("x"); } catch (error) { console.error(error instanceof BrokenError); }
         // Only now the reader begins.
         process.getBuiltinModule("node:fs").writeFileSync(process.env.GO, "");
         yield* stdout().write("later");
       });`,
    );
    expect(err).toBe("true\ntrue\n");
    // It had been handed over, and Node sends it all the same.
    expect(out.trim()).toBe("1000005");
  });

  test("stdin can only be read, stdout only be written to", () => {
    const { out } = shell(
      "$PROGRAM < /dev/null | cat",
      `await run(function* () {
         try { yield* stdin().write("x"); } catch (error) { console.log(error.message); }
         console.log(yield* stdout().read());
         yield* stderr().write("to stderr\\n");
       });`,
    );
    expect(out).toBe("stdin can only be read\nundefined\n");
  });

  test("a program that prints much and ends has printed all of it", () => {
    const { out } = shell(
      "$PROGRAM | (sleep 0.2; wc -l)",
      `await run(function* () {
         for (let i = 0; i < 50_000; i++) yield* stdout().write("a line of some length, to fill a pipe\\n");
       });
       process.exit(0);`,
    );
    expect(out.trim()).toBe("50000");
  });
});
