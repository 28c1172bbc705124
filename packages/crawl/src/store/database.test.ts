import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { run } from "rondo";
import { exec, spawnProcess } from "rondo/os";
import { afterAll, expect, test } from "vitest";
import { documentOf } from "../../tests/documents.ts";
import { article, fetched, NOON, read } from "../../tests/records.ts";
import { Database } from "./database.ts";
import { StoreError, translated } from "./error.ts";
import type { Migration } from "./schema.ts";
import { NewsStore } from "./store.ts";

const directory = fs.mkdtempSync(join(tmpdir(), "rondo-database-"));
afterAll(() => fs.rmSync(directory, { recursive: true }));
let files = 0;
const newFile = (): string => join(directory, `${++files}.db`);
const FEED = "https://a.example/feed";

/** A file with one document in it. */
function filled(): string {
  const path = newFile();
  using store = NewsStore.open(path);
  store.record(store.beginRun(NOON), [documentOf(0)]);
  return path;
}

function errorOf(work: () => unknown): StoreError {
  try {
    work();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error("it went well");
}

/** What an error says of a file that must be left as it is. */
function refused(path: string, options?: Parameters<typeof NewsStore.open>[1]): StoreError {
  const before = fs.statSync(path).isFile() ? fs.readFileSync(path) : undefined;
  const error = errorOf(() => NewsStore.open(path, options));
  if (before !== undefined) expect(fs.readFileSync(path).equals(before)).toBe(true);
  expect(fs.existsSync(`${path}-wal`)).toBe(false);
  expect(error.path).toBe(path);
  expect(error.message).toContain(path);
  return error;
}

test("a file is made where there is none, and an empty one is taken for a new one", () => {
  const path = newFile();
  NewsStore.open(path).close();
  expect(fs.existsSync(path)).toBe(true);
  const empty = newFile();
  fs.writeFileSync(empty, "");
  NewsStore.open(empty).close();
  expect(fs.statSync(empty).size).toBeGreaterThan(0);
});

test("a name that SQLite would take for an address with options is a name", () => {
  const path = "file:news.db?mode=memory";
  const before = process.cwd();
  process.chdir(directory);
  try {
    NewsStore.open(path).close();
    NewsStore.open(path).close();
  } finally {
    process.chdir(before);
  }
  expect(fs.existsSync(join(directory, path))).toBe(true);
});

test("a database is written ahead, without waiting for the disk at each commit, and its references hold", () => {
  using database = new Database(newFile());
  expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  expect(database.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 1 });
  expect(() => database.exec("INSERT INTO texts VALUES (77, '')")).toThrow(StoreError);
});

test("a database of a newer version is refused, with what to do, and left as it is", () => {
  const path = filled();
  const newer = new DatabaseSync(path);
  newer.exec("PRAGMA user_version = 99; PRAGMA journal_mode = DELETE");
  newer.close();
  const error = refused(path);
  expect(error.kind).toBe("newer");
  expect(error.message).toMatch(/newer version of this program; use that version, or another file/);
});

test("a newer version that stands only in the log is refused, too", () => {
  const path = filled();
  const newer = new DatabaseSync(path);
  newer.exec("PRAGMA user_version = 99");
  expect(errorOf(() => NewsStore.open(path)).kind).toBe("newer");
  newer.close();
});

test("a newer version is called newer even where it cannot be read any more", () => {
  const path = filled();
  const bytes = fs.readFileSync(path);
  bytes.writeUInt32BE(99, 60);
  // A format of the file that SQLite does not know yet.
  bytes.fill(9, 18, 20);
  fs.writeFileSync(path, bytes);
  expect(refused(path).kind).toBe("newer");
});

test.runIf(process.platform === "linux")("a file that is refused is not kept open", () => {
  const path = filled();
  const newer = new DatabaseSync(path);
  newer.exec("PRAGMA user_version = 99");
  expect(errorOf(() => NewsStore.open(path)).kind).toBe("newer");
  newer.close();
  const open = fs.readdirSync("/proc/self/fd").filter((fd) => {
    // One of them is what lists them, and is gone by now.
    const link = `/proc/self/fd/${fd}`;
    return fs.existsSync(link) && fs.readlinkSync(link).startsWith(path);
  });
  expect(open).toEqual([]);
});

test("another program's database is refused and left as it is", () => {
  const path = newFile();
  const other = new DatabaseSync(path);
  other.exec("CREATE TABLE bookmarks (url)");
  other.close();
  expect(refused(path).kind).toBe("not-a-database");
  const marked = new DatabaseSync(path);
  marked.exec("PRAGMA application_id = 7");
  marked.close();
  expect(refused(path).kind).toBe("not-a-database");
});

test.each([
  ["a text", "Dear diary"],
  ["a long text", "Dear diary ".repeat(1000)],
  ["the beginning of a database", "SQLite format 3\0"],
])("%s is refused and left as it is", (_what, content) => {
  const path = newFile();
  fs.writeFileSync(path, content);
  expect(refused(path).kind).toBe("not-a-database");
  expect(refused(path, { readOnly: true }).kind).toBe("not-a-database");
});

test("a directory, a file in a directory that is not there, and one below a file are refused", () => {
  const path = filled();
  expect(refused(directory).message).toMatch(/is a directory/);
  for (const missing of [join(directory, "none", "news.db"), join(path, "news.db"), ""]) {
    expect(errorOf(() => NewsStore.open(missing))).toMatchObject({ kind: "unreadable", path: missing });
  }
});

test.runIf(process.platform !== "win32")("what is no file is refused, and not waited for", () => {
  // Whoever opens a pipe waits until somebody writes to it.
  const pipe = newFile();
  execFileSync("mkfifo", [pipe]);
  for (const path of [pipe, "/dev/null"]) {
    for (const readOnly of [false, true]) {
      const error = errorOf(() => NewsStore.open(path, { readOnly }));
      expect(error).toMatchObject({
        kind: "unreadable",
        message: `${path} is no file, and a database is one; name one`,
      });
    }
  }
});

test("only what is there can be opened to be read", () => {
  const path = newFile();
  expect(errorOf(() => NewsStore.open(path, { readOnly: true }))).toMatchObject({
    kind: "unreadable",
    message: `there is no database ${path} yet`,
  });
  expect(fs.existsSync(path)).toBe(false);
  expect(errorOf(() => NewsStore.open(":memory:", { readOnly: true })).kind).not.toBe("internal");
});

test("what is opened to be read answers every question and is not written", () => {
  const path = filled();
  using store = NewsStore.open(path, { readOnly: true });
  expect(store.mentions(["own"])[0]?.count).toBe(2);
  expect(store.top({ limit: 1 })).toHaveLength(1);
  expect(store.health()).toHaveLength(1);
  expect([...store.articles()]).toHaveLength(3);
  const error = errorOf(() => store.beginRun(NOON));
  expect(error).toMatchObject({ kind: "read-only" });
  expect(error.message).toMatch(/may only be read/);
});

test("a damaged database is called damaged, when it is opened or when it is asked", () => {
  const path = filled();
  const bytes = fs.readFileSync(path);
  for (let at = 4096; at < bytes.length; at++) bytes[at] = (at * 7) & 0xff;
  fs.writeFileSync(path, bytes);
  const error = errorOf(() => {
    using store = NewsStore.open(path);
    store.top({ limit: 5 });
  });
  expect(error.kind).toBe("corrupt");
  const cut = filled();
  fs.truncateSync(cut, 5000);
  expect(errorOf(() => NewsStore.open(cut).health()).kind).toBe("corrupt");
});

const migrations: Migration[] = [
  (database) => database.exec("CREATE TABLE one (a INTEGER); INSERT INTO one VALUES (1)"),
  (database) => database.exec("ALTER TABLE one ADD COLUMN b INTEGER; UPDATE one SET b = a + 1"),
];

test("an older database is brought to this version, each step with its number", () => {
  const path = newFile();
  new Database(path, { migrations: migrations.slice(0, 1) }).close();
  using database = new Database(path, { migrations });
  expect(database.prepare("SELECT * FROM one").get()).toEqual({ a: 1, b: 2 });
  expect(database.number("user_version")).toBe(2);
  database.close();
  // Nothing is left to do the next time.
  using again = new Database(path, { migrations });
  expect(again.prepare("SELECT count(*) AS n FROM one").get()).toEqual({ n: 1 });
});

test("a new database goes through every step", () => {
  using database = new Database(newFile(), { migrations });
  expect(database.prepare("SELECT * FROM one").get()).toEqual({ a: 1, b: 2 });
});

test("a step that fails leaves the version before, whole", () => {
  const path = newFile();
  new Database(path, { migrations: migrations.slice(0, 1) }).close();
  const failing: Migration = (database) => database.exec("DELETE FROM one; INSERT INTO nowhere VALUES (1)");
  expect(() => new Database(path, { migrations: [migrations[0] as Migration, failing] })).toThrow(StoreError);
  using database = new Database(path, { migrations: migrations.slice(0, 1) });
  expect(database.prepare("SELECT * FROM one").get()).toEqual({ a: 1 });
});

test("an older database that may only be read says how it can be", () => {
  const path = newFile();
  new Database(path, { migrations: migrations.slice(0, 1) }).close();
  const error = errorOf(() => new Database(path, { migrations, readOnly: true }));
  expect(error).toMatchObject({ kind: "read-only" });
  expect(error.message).toMatch(/older version \(1, and this is 2\); open it for writing once/);
});

test("a full disk is called full, what was stored stays, and it goes on when there is room", () => {
  const path = filled();
  using database = new Database(path);
  const pages = database.prepare<{ page_count: number }>("PRAGMA page_count").get()?.page_count ?? 0;
  database.exec(`PRAGMA max_page_count = ${pages + 2}`);
  const error = errorOf(() => database.transaction(() => database.exec("UPDATE texts SET text = zeroblob(100000)")));
  expect(error.kind).toBe("full");
  expect(error.message).toMatch(/no room is left on its disk/);
  expect(database.prepare("SELECT count(*) AS n FROM articles").get()).toEqual({ n: 3 });
  database.exec("PRAGMA max_page_count = 1000000");
  database.transaction(() => database.exec("UPDATE texts SET text = zeroblob(100000)"));
  expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
});

test.each([
  [13, "full"],
  // What a full disk says where the log's index should grow: IOERR_SHMSIZE.
  [4874, "full"],
  [10, "unreadable"],
  [778, "unreadable"],
  [5, "locked"],
  [261, "locked"],
  [1, "internal"],
])("SQLite's code %i is %s", (errcode, kind) => {
  const cause = Object.assign(new Error("it said so"), { errcode });
  expect(translated(cause, "news.db")).toMatchObject({ kind, path: "news.db", cause });
});

test("several questions of one moment see nothing of what is written meanwhile", () => {
  const path = filled();
  using reading = new Database(path);
  using writing = new Database(path);
  const count = (): unknown => reading.prepare<{ n: number }>("SELECT count(*) AS n FROM words").get()?.n;
  const before = count();
  reading.snapshot(() => {
    expect(count()).toBe(before);
    writing.exec("DELETE FROM words");
    expect(count()).toBe(before);
  });
  expect(count()).toBe(0);
});

test("whoever has begun to write may finish, even if it began by reading", () => {
  const path = filled();
  using one = new Database(path);
  using other = new Database(path, { patience: 0 });
  one.transaction(() => {
    expect(one.prepare("SELECT count(*) AS n FROM runs").get()).toEqual({ n: 1 });
    expect(errorOf(() => other.exec("INSERT INTO runs (at) VALUES (1)")).kind).toBe("locked");
    one.exec("INSERT INTO runs (at) VALUES (2)");
  });
  expect(other.prepare("SELECT count(*) AS n FROM runs").get()).toEqual({ n: 2 });
});

const writer = fileURLToPath(new URL("../../tests/writer.ts", import.meta.url));
const CONDITIONS = "--conditions=rondo-source";

test("while another process has begun to write, reading goes well, and writing is locked after the patience", async () => {
  const path = filled();
  await run(function* () {
    const other = yield* spawnProcess(process.execPath, [CONDITIONS, writer, path, "hold"], {
      stdin: "pipe",
      stdout: "pipe",
    });
    const said = other.stdout.lines();
    expect(yield* said.next()).toBe("holding");
    using store = NewsStore.open(path, { patience: 1 });
    expect(store.mentions(["own"])[0]?.count).toBe(2);
    const error = errorOf(() => store.record(1, [documentOf(1)]));
    expect(error.kind).toBe("locked");
    expect(error.message).toMatch(/another process that has been writing/);
    yield* other.stdin.close();
    expect(yield* said.next()).toBeUndefined();
    yield* other.wait();
    store.record(1, [documentOf(1)]);
    expect(store.health()[0]?.fetches).toBe(2);
  });
});

test("while another process writes, every question sees documents whole", async () => {
  const path = filled();
  await run(function* () {
    const other = yield* spawnProcess(process.execPath, [CONDITIONS, writer, path, "write"], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const said = other.stdout.lines();
    expect(yield* said.next()).toBe("writing");
    using store = NewsStore.open(path, { readOnly: true });
    let seen = 0;
    const end = other.wait();
    for (let asked = 0; seen < 60 && asked < 1_000_000; asked++) {
      const [own, later] = store.mentions(["own", "later"]);
      // Each document has both, so whatever is seen has as many of the one as of the other.
      expect(own?.articles).toBe(later?.articles);
      seen = own?.articles ?? 0;
    }
    expect(seen).toBe(60);
    yield* end;
  });
});

test("two processes that open a new file at once both find it made", { tags: ["long"] }, async () => {
  const path = newFile();
  await run(function* () {
    const one = yield* spawnProcess(process.execPath, [CONDITIONS, writer, path, "write"], {
      stdout: "ignore",
      stderr: "inherit",
    });
    const two = yield* spawnProcess(process.execPath, [CONDITIONS, writer, path, "write"], {
      stdout: "ignore",
      stderr: "inherit",
    });
    expect((yield* one.wait()).code).toBe(0);
    expect((yield* two.wait()).code).toBe(0);
  });
  using store = NewsStore.open(path);
  expect(store.health()[0]?.fetches).toBe(120);
  expect(store.mentions(["own"])[0]?.articles).toBe(60);
});

// Root may read and write everything, so there it has to be somebody else who may not.
const somebody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

test.runIf(process.platform === "linux")(
  "a file that may not be read, and one that may not be written, are refused by what may be done",
  { tags: ["long"] },
  async () => {
    const open = (path: string, options: object): string =>
      `import { NewsStore } from ${JSON.stringify(new URL("store.ts", import.meta.url).href)};
     try {
       using store = NewsStore.open(${JSON.stringify(path)}, ${JSON.stringify(options)});
       store.beginRun(1);
       console.log("written");
     } catch (error) { console.log(error.kind); }`;
    const secret = filled();
    const fixed = filled();
    fs.chmodSync(directory, 0o755);
    fs.chmodSync(secret, 0o600);
    fs.chmodSync(fixed, 0o444);
    if (somebody.uid === undefined) fs.chmodSync(secret, 0o000);
    await run(function* () {
      const kindOf = function* (path: string, options: object) {
        const program = open(path, options);
        const args = [CONDITIONS, "--input-type=module-typescript", "--eval", program];
        return (yield* exec(process.execPath, args, somebody)).stdout.trim();
      };
      expect(yield* kindOf(secret, {})).toBe("unreadable");
      expect(yield* kindOf(secret, { readOnly: true })).toBe("unreadable");
      expect(yield* kindOf(fixed, {})).toBe("read-only");
      // In a directory that is somebody else's no file can be made.
      if (somebody.uid !== undefined) expect(yield* kindOf(join(directory, "new.db"), {})).toBe("unreadable");
    });
  },
);

test("a closed memory says so, and may be closed again", () => {
  const store = NewsStore.open(":memory:");
  store.close();
  store.close();
  expect(() => store.health()).toThrow(/has been closed/);
  expect(() => store.record(1, [fetched(FEED, read([article({})]))])).toThrow();
});
