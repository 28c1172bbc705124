// The sources: which of them are subscribed to, how each fared, and when to ask it again.

import type { Failure } from "../failure.ts";
import type { DocumentKind } from "../sniff.ts";
import type { Source } from "../source.ts";
import type { Database } from "./database.ts";
import { DAY } from "./days.ts";
import type { FetchRecord, RunRecord, SourceHealth, SourceState } from "./records.ts";

/** What the tables hold of a source, as far as it is read. */
interface Row {
  readonly id: number;
  readonly url: string;
  readonly name: string | null;
  readonly subscribed: number | null;
  readonly due: number;
  readonly etag: string | null;
  readonly last_modified: string | null;
  readonly hints: string | null;
  readonly last_attempt: number | null;
  readonly last_success: number | null;
  readonly fetches: number;
  readonly failed: number;
  readonly failures: number;
  readonly bodies: number;
  readonly bytes: number;
  readonly articles: number;
  readonly failure: string | null;
  readonly kind: DocumentKind | null;
  readonly title: string | null;
  readonly language: string | null;
  readonly charset: string | null;
  readonly held: string | null;
}

interface FetchRow {
  readonly url: string;
  readonly name: string | null;
  readonly state: "done" | "unchanged" | "failed";
  readonly bytes: number;
  readonly begun: number;
  readonly asked: number;
  readonly connected: number | null;
  readonly answered: number | null;
  readonly downloaded: number | null;
  readonly ended: number;
}

/** How long single fetches are kept. */
const KEPT = 90 * DAY;

const NEXT_PLACE = "(SELECT coalesce(max(subscribed), 0) + 1 FROM sources)";

/** The tables `sources`, `runs` and `fetches`. */
export class Sources {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Puts a source at the end of the list; `false` if it is on it already. */
  subscribe(source: Source): boolean {
    return this.#database.transaction(() => {
      const id = this.enter(source);
      if (source.name !== undefined) {
        this.#database.prepare("UPDATE sources SET name = ? WHERE id = ?").run(source.name, id);
      }
      const place = `UPDATE sources SET subscribed = ${NEXT_PLACE} WHERE id = ? AND subscribed IS NULL`;
      return this.#database.prepare(place).run(id) > 0;
    });
  }

  /** Takes a source off the list; `false` if it is not on it. */
  unsubscribe(url: string): boolean {
    const sql = "UPDATE sources SET subscribed = NULL WHERE url = ? AND subscribed IS NOT NULL";
    return this.#database.prepare(sql).run(url) > 0;
  }

  subscriptions(): Source[] {
    const sql = "SELECT url, name FROM sources WHERE subscribed IS NOT NULL ORDER BY subscribed";
    const rows = this.#database.prepare<Pick<Row, "url" | "name">>(sql).all();
    return rows.map(({ url, name }) => {
      const { host } = new URL(url);
      return name === null ? { url, host } : { url, host, name };
    });
  }

  /** The number of a source; one that was never met is put in. Its first name stays until it is subscribed to by another. */
  enter(source: Source): number {
    const find = this.#database.prepare<Pick<Row, "id" | "name">>("SELECT id, name FROM sources WHERE url = ?");
    const found = find.get(source.url);
    if (found === undefined) {
      const add = "INSERT INTO sources (url, name) VALUES (?, ?) RETURNING id";
      return (this.#database.prepare<{ id: number }>(add).get(source.url, source.name ?? null) as { id: number }).id;
    }
    if (found.name === null && source.name !== undefined) {
      this.#database.prepare("UPDATE sources SET name = ? WHERE id = ?").run(source.name, found.id);
    }
    return found.id;
  }

  find(url: string): Row | undefined {
    return this.#database.prepare<Row>("SELECT * FROM sources WHERE url = ?").get(url);
  }

  state(url: string): SourceState | undefined {
    const row = this.find(url);
    if (row === undefined) return undefined;
    return {
      url,
      etag: row.etag ?? undefined,
      lastModified: row.last_modified ?? undefined,
      hints: parsed(row.hints),
      due: row.due,
      failures: row.failures,
    };
  }

  health(): SourceHealth[] {
    // Those on the list first, in its order.
    const sql = "SELECT * FROM sources ORDER BY subscribed IS NULL, subscribed, id";
    return this.#database
      .prepare<Row>(sql)
      .all()
      .map((row) => ({
        url: row.url,
        name: row.name ?? undefined,
        title: row.title ?? undefined,
        kind: row.kind ?? undefined,
        language: row.language ?? undefined,
        subscribed: row.subscribed !== null,
        lastAttempt: row.last_attempt ?? undefined,
        lastSuccess: row.last_success ?? undefined,
        fetches: row.fetches,
        failed: row.failed,
        failuresInARow: row.failures,
        averageBytes: row.bodies === 0 ? undefined : row.bytes / row.bodies,
        articles: row.articles,
        due: row.due,
        failure: parsed(row.failure) as Failure | undefined,
      }));
  }

  beginRun(at: number): number {
    const sql = "INSERT INTO runs (at) VALUES (?) RETURNING id";
    return (this.#database.prepare<{ id: number }>(sql).get(whole(at)) as { id: number }).id;
  }

  endRun(run: number, at: number): void {
    if (this.#database.prepare("UPDATE runs SET ended = ? WHERE id = ?").run(whole(at), run) === 0) throw noRun(run);
  }

  /** The last run in which anything was fetched: what a picture can be drawn of. */
  lastRun(): RunRecord | undefined {
    const last =
      "SELECT id, at, ended FROM runs ORDER BY EXISTS (SELECT 1 FROM fetches WHERE run = runs.id) DESC, id DESC LIMIT 1";
    const run = this.#database.prepare<{ id: number; at: number; ended: number | null }>(last).get();
    if (run === undefined) return undefined;
    const sql =
      "SELECT url, name, state, fetches.bytes, begun, asked, connected, answered, downloaded, ended " +
      "FROM fetches JOIN sources ON sources.id = fetches.source WHERE run = ? ORDER BY begun, fetches.id";
    return {
      at: run.at,
      ended: run.ended ?? undefined,
      fetches: this.#database
        .prepare<FetchRow>(sql)
        .all(run.id)
        .map(({ url, name, state, bytes, begun, asked, connected, answered, downloaded, ended }) => ({
          url,
          name: name ?? undefined,
          state,
          bytes,
          timing: {
            begun,
            asked,
            ...(connected === null ? {} : { connected }),
            ...(answered === null ? {} : { answered }),
            ...(downloaded === null ? {} : { downloaded }),
            ended,
          },
        })),
    };
  }

  /** Writes down a fetch and what it says of its source, but for the articles. Gives the source's number. */
  record(run: number, fetch: FetchRecord): number {
    const { at, due, bytes, tries, timing, result } = fetch;
    const source = this.enter(fetch.source);
    const failure = result.state === "failed" ? JSON.stringify(result.failure) : null;
    this.#database
      .prepare(
        "INSERT INTO fetches (run, source, at, state, status, bytes, tries, begun, asked, connected, answered, " +
          "downloaded, ended, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run(
        run,
        source,
        whole(at),
        result.state,
        result.status ?? null,
        whole(bytes),
        tries,
        timing.begun,
        timing.asked,
        timing.connected ?? null,
        timing.answered ?? null,
        timing.downloaded ?? null,
        timing.ended,
        failure,
      );
    this.#forget(at);
    const told = "UPDATE sources SET due = ?2, last_attempt = ?3, fetches = fetches + 1";
    if (result.state === "failed") {
      const sql = `${told}, failed = failed + 1, failures = failures + 1, failure = ?4 WHERE id = ?1`;
      this.#database.prepare(sql).run(source, whole(due), whole(at), failure);
    } else if (result.state === "unchanged") {
      // A 304 may bring new validators (RFC 9110, 15.4.5); those it does not name stand.
      const sql =
        `${told}, last_success = ?3, failures = 0, failure = NULL, ` +
        "etag = coalesce(?4, etag), last_modified = coalesce(?5, last_modified) WHERE id = ?1";
      this.#database.prepare(sql).run(source, whole(due), whole(at), result.etag ?? null, result.lastModified ?? null);
    } else {
      const sql =
        `${told}, last_success = ?3, failures = 0, failure = NULL, bodies = bodies + 1, bytes = bytes + ?4, ` +
        "etag = ?5, last_modified = ?6, hints = ?7, kind = ?8, title = ?9, language = ?10, charset = ?11, notes = ?12 " +
        "WHERE id = ?1";
      this.#database
        .prepare(sql)
        .run(
          source,
          whole(due),
          whole(at),
          whole(bytes),
          result.etag ?? null,
          result.lastModified ?? null,
          JSON.stringify(result.hints) ?? null,
          result.kind,
          result.title ?? null,
          result.language ?? null,
          result.charset,
          JSON.stringify(result.notes),
        );
    }
    return source;
  }

  /** Drops fetches of long ago: two for each that is added, so that no call pays for a year of them. */
  #forget(now: number): void {
    const sql = "DELETE FROM fetches WHERE id IN (SELECT id FROM fetches ORDER BY id LIMIT 2) AND at < ?";
    this.#database.prepare(sql).run(whole(now - KEPT));
  }

  /** Throws if there is no such run: before anything else is written, so that the caller hears of its mistake. */
  requireRun(run: number): void {
    if (this.#database.prepare("SELECT 1 FROM runs WHERE id = ?").get(run) === undefined) throw noRun(run);
  }

  /** What a source's document held, in order, and how many of these were never seen at it before. */
  hold(source: number, articles: readonly number[], added: number): void {
    const sql = "UPDATE sources SET held = ?, articles = articles + ? WHERE id = ?";
    this.#database.prepare(sql).run(JSON.stringify(articles), added, source);
  }
}

function noRun(run: number): RangeError {
  return new RangeError(`there is no run ${run}; begin one with beginRun()`);
}

/** Clocks give parts of a ms, and a server may ask for patience without end; a column of integers takes neither. */
function whole(number: number): number {
  return Math.max(0, Math.min(LAST_TIME, Math.trunc(number)));
}

/** The last moment of a `Date`. */
const LAST_TIME = 8.64e15;

function parsed(json: string | null): unknown {
  return json === null ? undefined : JSON.parse(json);
}
