// Thirty feeds that were really published, some cut or made incomplete on purpose, served from loopback with the header
// their server might have sent. They lie beside the repository and are no part of it.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "rondo";
import { beforeAll, describe, expect, test } from "vitest";
import { serve } from "../tests/serve.ts";
import { News, type Outcome, parseSource } from "./index.ts";

const folder = join(import.meta.dirname, "../../../../shared/data/feeds");
const present = existsSync(folder);
if (!present) console.log(`skipped: the real feeds are not beside the repository (${folder})`);
const files = present ? readdirSync(folder).filter((name) => /\.(?:rss|atom)$/.test(name)) : [];

describe.skipIf(!present)("the real feeds", () => {
  const outcomes = new Map<string, Outcome>();

  beforeAll(async () => {
    await using served = await serve((request, response) => {
      const name = (request.url ?? "").slice(1);
      response.writeHead(200, {
        "content-type": name.endsWith(".atom") ? "application/atom+xml" : "application/rss+xml",
      });
      response.end(readFileSync(join(folder, name)));
    });
    const news = new News(
      files.map((name) => parseSource(`${served.url}/${name}`)),
      { perHost: 8, terms: ["the"], timeout: 60_000, allowPrivate: true },
    );
    await run(() => news.work());
    for (const outcome of news.outcomes) outcomes.set(new URL(outcome.source.url).pathname.slice(1), outcome);
  }, 60_000);

  test("are at least thirty, and each has an outcome", () => {
    expect(files.length).toBeGreaterThanOrEqual(30);
    expect([...outcomes.keys()].toSorted()).toEqual(files);
  });

  /** Without what a feed should have: an entry of nothing but an identifier, and one of nothing at all. */
  const bare = ["incomplete-fields.atom", "missing-fields.atom"];

  test.each(files.filter((name) => name !== "unrecognized.rss" && !bare.includes(name)))("%s is read", (name) => {
    const outcome = outcomes.get(name);
    expect(outcome).toMatchObject({ ok: true, kind: expect.stringMatching(/^(?:rss|atom|rdf)$/), cut: false });
    expect(outcome?.state === "done" && outcome.articles).toBeGreaterThanOrEqual(1);
    expect(outcome?.state === "done" && outcome.words).toBeGreaterThan(0);
  });

  test("those that lack nearly everything are read for what they have", () => {
    expect(outcomes.get("missing-fields.atom")).toMatchObject({
      ok: true,
      kind: "atom",
      articles: 1,
      words: 0,
      language: "en-US",
    });
    expect(outcomes.get("incomplete-fields.atom")).toMatchObject({
      ok: true,
      articles: 0,
      notes: ["the feed has no articles"],
    });
  });

  test("the one that is no feed is explained", () => {
    expect(outcomes.get("unrecognized.rss")).toMatchObject({
      ok: true,
      kind: "page",
      title: "Document Moved",
      notes: ["sent as application/rss+xml, but it is an HTML page"],
    });
  });

  test("the one in ISO-8859-1 is read in it", () => {
    expect(outcomes.get("encoding.rss")).toMatchObject({
      charset: "windows-1252",
      title: "Jornal de Notícias - Últimas Notícias",
    });
  });
});
