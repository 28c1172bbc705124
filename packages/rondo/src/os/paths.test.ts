/** The small ones, and walks: what is there, what is not, and what must not be lost on the way. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { thrownBy } from "../../tests/virtual.ts";
import { all, run } from "../index.ts";
import { checkpoint } from "../loop/sleep.ts";
import { scope } from "../task/scope.ts";
import { FileError } from "./errors.ts";
import {
  changeMode,
  exists,
  makeDir,
  makeLink,
  readDir,
  readLink,
  realPath,
  remove,
  rename,
  stat,
  temporaryDir,
} from "./paths.ts";
import { walk } from "./walk.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

let dir: string;
beforeEach(() => {
  dir = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "rondo-paths-")));
});
afterEach(() => {
  fs.rmSync(dir, { recursive: true });
});

function tree(...paths: string[]): void {
  for (const path of paths) {
    if (path.endsWith("/")) fs.mkdirSync(join(dir, path), { recursive: true });
    else {
      fs.mkdirSync(join(dir, path, ".."), { recursive: true });
      fs.writeFileSync(join(dir, path), basename(path));
    }
  }
}

describe("what is at a path", () => {
  test("stat follows links, or does not", async () => {
    tree("a");
    await run(function* () {
      yield* makeLink("a", `${dir}/link`);
      expect(yield* stat(`${dir}/link`)).toMatchObject({ kind: "file", size: 1 });
      const link = yield* stat(`${dir}/link`, { followSymlinks: false });
      expect(link.kind).toBe("symlink");
      expect(yield* readLink(`${dir}/link`)).toBe("a");
      expect(yield* realPath(`${dir}/link`)).toBe(`${dir}/a`);
      const info = yield* stat(new URL(`file://${dir}/a`));
      expect(Math.abs(info.modified - Date.now())).toBeLessThan(60_000);
      expect(info.links).toBe(1);
    });
  });

  test("exists says no where there is nothing, also behind a file, and throws where it cannot know", async () => {
    tree("a");
    await run(function* () {
      yield* makeLink("nowhere", `${dir}/broken`);
      expect(yield* exists(`${dir}/a`)).toBe(true);
      expect(yield* exists(`${dir}/b`)).toBe(false);
      expect(yield* exists(`${dir}/a/b`)).toBe(false);
      expect(yield* exists(`${dir}/broken`)).toBe(false);
      expect(yield* thrownBy(() => exists(`${dir}/${"x".repeat(300)}`))).toMatchObject({ code: "ENAMETOOLONG" });
    });
  });

  test("an error names both paths of a rename", async () => {
    await run(function* () {
      const error = (yield* thrownBy(() => rename(`${dir}/none`, `${dir}/other`))) as FileError;
      expect(error).toBeInstanceOf(FileError);
      expect(error.message).toBe(`rename ${dir}/none to ${dir}/other: no such file or directory (ENOENT)`);
      expect(error.destination).toBe(`${dir}/other`);
    });
  });

  test("directories are made, listed in order, changed and moved", async () => {
    await run(function* () {
      yield* makeDir(`${dir}/x`, { mode: 0o700 });
      expect((yield* stat(`${dir}/x`)).mode).toBe(0o700);
      yield* changeMode(`${dir}/x`, 0o750);
      expect((yield* stat(`${dir}/x`)).mode).toBe(0o750);
      expect(yield* thrownBy(() => makeDir(`${dir}/x`))).toMatchObject({ code: "EEXIST", operation: "makeDir" });
      yield* makeDir(`${dir}/x/y/z`, { recursive: true });
      yield* makeDir(`${dir}/x/y/z`, { recursive: true });
      yield* rename(`${dir}/x/y`, `${dir}/x/a`);
      tree("x/b", "x/C");
      expect(yield* readDir(`${dir}/x`)).toEqual([
        { name: "C", kind: "file" },
        { name: "a", kind: "directory" },
        { name: "b", kind: "file" },
      ]);
      expect(yield* thrownBy(() => readDir(`${dir}/x/b`))).toMatchObject({ code: "ENOTDIR" });
    });
  });
});

describe("remove", () => {
  test("takes files, links and empty directories, and whole trees only where that is asked for", async () => {
    tree("keep/a", "t/a/b/c", "t/a/d", "t/e/");
    await run(function* () {
      yield* makeLink(`${dir}/keep`, `${dir}/t/link`);
      yield* makeLink("nowhere", `${dir}/t/broken`);
      expect(yield* thrownBy(() => remove(`${dir}/t`))).toMatchObject({ code: "ENOTEMPTY" });
      yield* remove(`${dir}/t/broken`);
      yield* remove(`${dir}/t/e`);
      yield* remove(`${dir}/t`, { recursive: true });
      expect(fs.readdirSync(dir)).toEqual(["keep"]);
      expect(fs.readdirSync(`${dir}/keep`)).toEqual(["a"]);
      yield* makeLink(`${dir}/keep`, `${dir}/link`);
      yield* remove(`${dir}/link`, { recursive: true });
      expect(fs.readdirSync(`${dir}/keep`)).toEqual(["a"]);
    });
  });

  test("what is not there is an error, unless that is all the same", async () => {
    await run(function* () {
      expect(yield* thrownBy(() => remove(`${dir}/x`))).toMatchObject({ code: "ENOENT" });
      expect(yield* thrownBy(() => remove(`${dir}/x`, { recursive: true }))).toMatchObject({ code: "ENOENT" });
      yield* remove(`${dir}/x`, { recursive: true, missing: "ignore" });
    });
  });

  test("a deep tree", async () => {
    const deep = join(dir, ...Array.from({ length: 700 }, () => "d"));
    fs.mkdirSync(deep, { recursive: true });
    await run(() => remove(`${dir}/d`, { recursive: true }));
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  test.runIf(process.platform === "linux")("names that are no text", async () => {
    const odd = (name: string): Buffer => Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(name, "latin1")]);
    fs.mkdirSync(odd("t"));
    fs.mkdirSync(odd("t/\xff"));
    fs.writeFileSync(odd("t/\xff/\xfe"), "");
    fs.writeFileSync(odd("t/a"), "");
    await run(function* () {
      const met: string[] = [];
      const error = yield* thrownBy(() => walk(`${dir}/t`).forEach(({ name }) => void met.push(name)));
      expect(met).toEqual(["a", "\ufffd"]);
      expect(error).toMatchObject({ name: "FileError", code: "EILSEQ", operation: "walk" });
      yield* remove(`${dir}/t`, { recursive: true });
      expect(fs.readdirSync(dir)).toEqual([]);
    });
  });

  test("two that remove the same tree do not disturb each other", async () => {
    await run(function* () {
      for (let i = 0; i < 20; i++) {
        tree("t/a/b/c", "t/a/d", "t/e/f", "t/g");
        yield* all([0, 1, 2].map(() => remove(`${dir}/t`, { recursive: true, missing: "ignore" })));
        expect(fs.readdirSync(dir)).toEqual([]);
      }
    });
  });
});

describe("temporaryDir", () => {
  test("is there within its scope and gone after it, with all that is in it, however it ends", async () => {
    await run(function* () {
      const seen: string[] = [];
      for (const how of ["returns", "throws", "is cancelled"]) {
        const outcome = yield* thrownBy(() =>
          scope(function* (s) {
            const place = yield* temporaryDir({ in: dir, prefix: "x-" });
            seen.push(place);
            expect(fs.statSync(place).mode & 0o777).toBe(0o700);
            fs.mkdirSync(`${place}/a/b`, { recursive: true });
            if (how === "throws") throw new Error(how);
            if (how === "is cancelled") s.cancel();
            yield* checkpoint();
          }),
        );
        expect(outcome instanceof Error).toBe(how === "throws");
        expect(fs.readdirSync(dir)).toEqual([]);
      }
      expect(new Set(seen).size).toBe(3);
      for (const place of seen) expect(basename(place)).toMatch(/^x-/);
    });
  });
});

describe("walk", () => {
  const paths = (top: string, entries: readonly { path: string }[]): string[] =>
    entries.map(({ path }) => path.slice(top.length + 1));

  test("meets everything, a directory before what is in it, names in order", async () => {
    tree("b/c/d", "b/a", "a", "z/", "b/B");
    await run(function* () {
      const entries = yield* walk(dir).toArray();
      expect(paths(dir, entries)).toEqual(["a", "b", "b/B", "b/a", "b/c", "b/c/d", "z"]);
      expect(entries.map(({ depth }) => depth)).toEqual([0, 0, 1, 1, 1, 2, 0]);
      expect(entries.map(({ kind }) => kind[0]).join("")).toBe("fdffdfd");
    });
  });

  test("does not follow links, or follows each directory once", async () => {
    tree("a/b/c", "other/x");
    await run(function* () {
      yield* makeLink("..", `${dir}/a/up`);
      yield* makeLink(`${dir}/other`, `${dir}/a/b/other`);
      yield* makeLink("nowhere", `${dir}/a/broken`);
      const plain = yield* walk(`${dir}/a`).toArray();
      expect(paths(`${dir}/a`, plain)).toEqual(["b", "b/c", "b/other", "broken", "up"]);
      expect(plain.filter(({ kind }) => kind === "symlink")).toHaveLength(3);
      const followed = yield* walk(`${dir}/a`, { followSymlinks: true }).toArray();
      expect(paths(`${dir}/a`, followed)).toEqual([
        "b",
        "b/c",
        "b/other",
        "b/other/x",
        "broken",
        "up",
        "up/a",
        "up/other",
      ]);
      expect(followed.find(({ name }) => name === "broken")?.kind).toBe("symlink");
    });
  });

  test("goes as deep and into what it is told", async () => {
    tree("a/b/c/d", "node_modules/x/y", "e");
    await run(function* () {
      expect(paths(dir, yield* walk(dir, { maxDepth: 0 }).toArray())).toEqual(["a", "e", "node_modules"]);
      expect(paths(dir, yield* walk(dir, { maxDepth: 1 }).toArray())).toEqual([
        "a",
        "a/b",
        "e",
        "node_modules",
        "node_modules/x",
      ]);
      const enter = ({ name }: { name: string }): boolean => name !== "node_modules";
      expect(paths(dir, yield* walk(dir, { enter }).toArray())).toEqual([
        "a",
        "a/b",
        "a/b/c",
        "a/b/c/d",
        "e",
        "node_modules",
      ]);
    });
  });

  test("takes no more than is pulled, and can be left early", async () => {
    tree(...Array.from({ length: 50 }, (_, i) => `d${i}/f`));
    await run(function* () {
      expect(yield* walk(dir).take(3).toArray()).toHaveLength(3);
      const flow = walk(dir);
      yield* flow.next();
      flow.close();
    });
  });

  test("what vanishes meanwhile was not there", async () => {
    tree("a/x", "b/x", "c/x");
    await run(function* () {
      const met: string[] = [];
      yield* walk(dir).forEach(({ path, name }) => {
        met.push(path.slice(dir.length + 1));
        if (name === "a") fs.rmSync(`${dir}/b`, { recursive: true });
        if (name === "c") fs.rmSync(`${dir}/c`, { recursive: true });
      });
      expect(met).toEqual(["a", "a/x", "b", "c"]);
    });
  });

  test("the first directory must be there", async () => {
    tree("a");
    await run(function* () {
      expect(yield* thrownBy(() => walk(`${dir}/none`).toArray())).toMatchObject({
        code: "ENOENT",
        operation: "readDir",
      });
      expect(yield* thrownBy(() => walk(`${dir}/a`).toArray())).toMatchObject({ code: "ENOTDIR" });
    });
  });

  const root = process.getuid?.() === 0;
  if (!root) console.log("skipped: directories that may not be read need root to become another user");
  test.runIf(root)("what may not be read does not cost the rest, and is told", () => {
    tree("a/x", "b/x", "c/x", "d/x");
    fs.chmodSync(dir, 0o755);
    for (const name of ["b", "c"]) fs.chmodSync(join(dir, name), 0o700);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        "--conditions=rondo-source",
        "--input-type=module",
        "-e",
        `import { run, suppressed } from "rondo";
         import { walk } from "rondo/os";
         process.setgid(65534); process.setgroups([]); process.setuid(65534);
         const dir = process.argv[1], short = (path) => path.slice(dir.length + 1);
         await run(function* () {
           const met = [];
           try { yield* walk(dir).forEach(({ path }) => void met.push(short(path))); }
           catch (error) { console.log(error.code, short(error.path), suppressed(error).map(({ path }) => short(path)).join()); }
           console.log(met.join(" "));
           const told = [];
           yield* walk(dir, { onError: (error) => told.push(short(error.path)) }).toArray();
           console.log(told.join());
           try { yield* walk(dir, { onError: (error) => { throw error; } }).toArray(); } catch (error) { console.log(error.code); }
         });`,
        dir,
      ],
      { cwd: home, encoding: "utf8" },
    );
    expect(stderr).toBe("");
    expect(stdout).toBe("EACCES b c\na a/x b c d d/x\nb,c\nEACCES\n");
  });
});
