// A database file, with SQLite's errors said in our own words, statements that are prepared once, and transactions that
// are whole or nothing. The one file that knows `node:sqlite`.
//
// How safe is what was committed? The journal is a write-ahead log and `synchronous` is NORMAL: each commit is handed
// to the operating system before it returns, so a process that is killed at any moment loses nothing that was committed.
// A machine that loses power may lose the last commits (those since the log was last copied into the file), and is left
// with a whole database all the same. FULL would wait for the disk at each commit, some 5 ms in which the loop stands.

import { readSync, closeSync, openSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { StoreError, storeError, translated } from "./error.ts";
import { APPLICATION, type Migration, migrate, VERSION } from "./schema.ts";

/** How a database is opened. */
export interface DatabaseOptions {
  /** Nothing is written, and nothing can be. Default: `false`. */
  readonly readOnly?: boolean;
  /** How long to wait for another process that writes, in ms; the loop stands meanwhile. Default: 5,000. */
  readonly patience?: number;
  /** The steps from nothing to the newest schema; for tests. */
  readonly migrations?: readonly Migration[];
}

/** A prepared statement whose rows have the shape `Row`. */
export class Statement<Row> {
  readonly #statement: StatementSync;
  readonly #path: string;

  constructor(statement: StatementSync, path: string) {
    this.#statement = statement;
    this.#path = path;
  }

  /** How many rows it changed. */
  run(...values: SQLInputValue[]): number {
    try {
      return Number(this.#statement.run(...values).changes);
    } catch (error) {
      throw translated(error, this.#path);
    }
  }

  get(...values: SQLInputValue[]): Row | undefined {
    try {
      return this.#statement.get(...values) as Row | undefined;
    } catch (error) {
      throw translated(error, this.#path);
    }
  }

  all(...values: SQLInputValue[]): Row[] {
    try {
      return this.#statement.all(...values) as Row[];
    } catch (error) {
      throw translated(error, this.#path);
    }
  }

  /** One after the other, for what would be too much at once. The statement must not be used again until the end. */
  *each(...values: SQLInputValue[]): Generator<Row, void, undefined> {
    try {
      for (const row of this.#statement.iterate(...values)) yield row as Row;
    } catch (error) {
      throw translated(error, this.#path);
    }
  }
}

/** An open database. */
export class Database implements Disposable {
  readonly path: string;
  readonly readOnly: boolean;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, Statement<unknown>>();
  #closed = false;

  /** @throws {StoreError} when it cannot be opened, or is none of ours; it is not touched then. */
  constructor(path: string, options: DatabaseOptions = {}) {
    this.path = path;
    this.readOnly = options.readOnly ?? false;
    const migrations = options.migrations;
    const version = migrations?.length ?? VERSION;
    // The whole path, because SQLite takes what begins with "file:" for an address with options in it.
    const file = path === ":memory:" ? path : resolve(path);
    if (path !== ":memory:") lookAt(file, path, this.readOnly, version);
    try {
      // Loaded when it is first needed: whoever only counts words needs no database, and an older Node warns of it.
      const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
      const timeout = options.patience ?? 5000;
      this.#database = new DatabaseSync(file, {
        readOnly: this.readOnly,
        timeout,
        enableForeignKeyConstraints: true,
        enableDoubleQuotedStringLiterals: false,
      });
    } catch (error) {
      throw translated(error, path);
    }
    try {
      this.#begin(version, migrations);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  #begin(version: number, migrations: readonly Migration[] | undefined): void {
    const found = this.number("user_version");
    const application = this.number("application_id");
    const empty = this.prepare<{ n: number }>("SELECT count(*) AS n FROM sqlite_schema").get()?.n === 0;
    if (application !== APPLICATION && !(empty && application === 0 && found === 0)) {
      throw storeError("not-a-database", this.path);
    }
    if (found > version) throw storeError("newer", this.path);
    if (this.readOnly) {
      if (found === version) return;
      const message = `the database ${this.path} is of an older version (${found}, and this is ${version}); open it for writing once`;
      throw new StoreError("read-only", this.path, message);
    }
    if (this.prepare<{ journal_mode: string }>("PRAGMA journal_mode").get()?.journal_mode !== "wal") {
      this.exec("PRAGMA journal_mode = WAL");
    }
    this.exec("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY");
    migrate(this, migrations);
    this.#statements.clear();
  }

  /** A pragma that is a number. */
  number(pragma: "user_version" | "application_id"): number {
    const row = this.prepare<Record<string, number>>(`PRAGMA ${pragma}`).get();
    return row?.[pragma] ?? 0;
  }

  /** The statement of this text: the same one each time, prepared the first time. */
  prepare<Row = unknown>(sql: string): Statement<Row> {
    const statement = this.#statements.get(sql) ?? this.#prepare(sql, false);
    // The text says what the rows are, and the caller has written both.
    return statement as Statement<Row>;
  }

  /** The same with rows that are arrays, which are made in half the time: for walks over many rows. Not for a text that `prepare` has, too. */
  columns<Row extends readonly unknown[]>(sql: string): Statement<Row> {
    const statement = this.#statements.get(sql) ?? this.#prepare(sql, true);
    return statement as Statement<Row>;
  }

  #prepare(sql: string, arrays: boolean): Statement<unknown> {
    if (this.#closed) throw new Error(`the database ${this.path} has been closed`);
    try {
      const prepared = this.#database.prepare(sql);
      if (arrays) prepared.setReturnArrays(true);
      const statement = new Statement(prepared, this.path);
      this.#statements.set(sql, statement);
      return statement;
    } catch (error) {
      throw translated(error, this.path);
    }
  }

  /** Several statements that give nothing back. */
  exec(sql: string): void {
    try {
      this.#database.exec(sql);
    } catch (error) {
      throw translated(error, this.path);
    }
  }

  /**
   * All of the work or, if it throws, none of it. It takes the right to write at once: one that began by reading could
   * be refused in the middle, when another process has written meanwhile.
   */
  transaction<T>(work: () => T): T {
    this.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.exec("COMMIT");
      return result;
    } catch (error) {
      // After some errors, a full disk among them, SQLite has rolled back already.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Several questions of one moment: what another process writes meanwhile is not seen. */
  snapshot<T>(work: () => T): T {
    if (this.#database.isTransaction) return work();
    this.exec("BEGIN");
    try {
      return work();
    } finally {
      if (this.#database.isTransaction) this.#database.exec("COMMIT");
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#statements.clear();
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const MAGIC = "SQLite format 3\0";

/**
 * Looks at a file before SQLite does, which would go on to write into one that it takes for its own. What is no file,
 * no database, another program's or a newer version's is refused here with not a byte of it changed.
 */
function lookAt(file: string, path: string, readOnly: boolean, version: number): void {
  if (path === "") throw new StoreError("unreadable", path, "the path of the database is empty; name a file");
  let header: Buffer;
  try {
    const found = statSync(file);
    if (found.isDirectory()) {
      throw new StoreError("unreadable", path, `${path} is a directory, and a database is a file; name one in it`);
    }
    // To open a pipe is to wait for whoever writes to it.
    if (!found.isFile())
      throw new StoreError("unreadable", path, `${path} is no file, and a database is one; name one`);
    header = firstBytes(file, 100);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    if (isMissing(error) && !readOnly) return;
    if (isMissing(error))
      throw new StoreError("unreadable", path, `there is no database ${path} yet`, { cause: error });
    throw storeError("unreadable", path, error);
  }
  // An empty file is a new database; SQLite sees it so, too.
  if (header.length === 0) return;
  if (header.length < 100 || header.toString("latin1", 0, 16) !== MAGIC) throw storeError("not-a-database", path);
  const application = header.readUInt32BE(68);
  if (application !== APPLICATION && application !== 0) throw storeError("not-a-database", path);
  if (application === APPLICATION && header.readUInt32BE(60) > version) throw storeError("newer", path);
}

function firstBytes(file: string, count: number): Buffer {
  const opened = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(count);
    return bytes.subarray(0, readSync(opened, bytes, 0, count, 0));
  } finally {
    closeSync(opened);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
