// On real threads: what they find, and that nothing of them is left whatever becomes of a page.

import { all, checkpoint, type Coroutine, group, now, type Operation, run, VirtualHost } from "rondo";
import { expect, test } from "vitest";
import { SourceError } from "../failure.ts";
import { type Extract, extractor, type ExtractorOptions } from "./extract.ts";
import type { FetchedPage } from "./read-article.ts";

function page(html: string | Uint8Array): FetchedPage {
  const bytes = typeof html === "string" ? new TextEncoder().encode(html) : html;
  return { url: "https://a.example/", bytes, contentType: "text/html", contentLanguage: undefined, cut: false };
}

async function withThreads<T>(
  options: ExtractorOptions,
  body: (extract: Extract) => Coroutine<T>,
  host?: VirtualHost,
): Promise<T> {
  const main = (): Operation<T> =>
    group(function* () {
      return yield* body(extractor({ timeLimit: Infinity, ...options }));
    });
  return await run(main, host === undefined ? {} : { host });
}

function* failureOf(extract: Extract, it: FetchedPage): Coroutine<SourceError> {
  try {
    yield* extract(it);
  } catch (error) {
    if (error instanceof SourceError) return error;
    throw error;
  }
  throw new Error("it was read");
}

/** Deep enough to keep Readability busy for minutes, and just not deep enough to be kept from it. */
const ENDLESS = `<html><body>${`${"<div>".repeat(190)}x ${"</div>".repeat(190)}`.repeat(180)}`;

test("articles are found in threads, several at once", { tags: ["long"] }, async () => {
  await withThreads({ threads: 2 }, function* (extract) {
    const pages = ["one", "two", "three"].map((word) => page(`<title>${word}</title><p>This is ${word}.`));
    const found = yield* all(pages.map((each) => () => extract(each)));
    expect(found.map(({ title, text }) => `${title}: ${text}`)).toEqual([
      "one: This is one.",
      "two: This is two.",
      "three: This is three.",
    ]);
    expect(found[0]?.words).toEqual(new Map(Object.entries({ one: 2, this: 1, is: 1 })));
  });
});

test("a body that has its memory for itself changes hands, a piece of a larger buffer is copied", async () => {
  await withThreads({ threads: 1 }, function* (extract) {
    const own = new TextEncoder().encode("<p>This is mine.");
    yield* extract(page(new Uint8Array(own)));
    const given = new Uint8Array(own);
    yield* extract(page(given));
    expect(given.length).toBe(0);
    const shared = Buffer.from("xx<p>This is shared.xx");
    const { text } = yield* extract(page(shared.subarray(2, -2)));
    expect([text, shared.length]).toEqual(["This is shared.", 22]);
  });
});

test("what is wrong with a page is an error of its own kind on this side too", async () => {
  await withThreads({ threads: 1 }, function* (extract) {
    const error = yield* failureOf(extract, page("%PDF-1.7"));
    expect([error.kind, error.message]).toEqual(["not-text", "this is a PDF file"]);
    expect((yield* failureOf(extract, page(new Uint8Array(0)))).kind).toBe("empty");
  });
});

test("a page that takes too long is ended with its thread, and its time begins when a thread takes it", async () => {
  // Virtual time does not wait for threads, so the limit is reached at once, and this never depends on how fast they are.
  const both = function* (extract: Extract): Coroutine<(string | boolean)[]> {
    const late = yield* all([ENDLESS, ENDLESS].map((html) => () => failureOf(extract, page(html))));
    return [...late.map(({ kind, message }) => `${kind}: ${message}`), now() >= 3000];
  };
  const timeout = "timeout: the text of this page was not found within 1.5 s";
  expect(await withThreads({ threads: 1, timeLimit: 1500 }, both, new VirtualHost())).toEqual([timeout, timeout, true]);
});

test("a page that takes too much memory ends its thread and not the program", { tags: ["long"] }, async () => {
  await withThreads({ threads: 1, memoryLimit: 16 }, function* (extract) {
    const error = yield* failureOf(extract, page(`<html><body>${"<p>a".repeat(400_000)}`));
    expect(error.kind).toBe("internal");
    expect(error.message).toContain("16 MB");
  });
});

test("one who is cancelled while a thread reads for him ends it, and the others get theirs", async () => {
  await withThreads({ threads: 1 }, function* (extract) {
    yield* group(function* (g) {
      const endless = g.spawn(function* () {
        yield* extract(page(ENDLESS));
      });
      const next = g.spawn(function* () {
        return (yield* extract(page("<p>All is well."))).text;
      });
      yield* checkpoint();
      expect(next.state).toBe("waiting");
      endless.cancel();
      expect(yield* next).toBe("All is well.");
    });
  });
});

test.each([{ threads: 0 }, { threads: 1.5 }, { timeLimit: -1 }, { timeLimit: Number.NaN }])(
  "a number that makes no sense is refused at once: %j",
  async (options) => {
    await expect(withThreads(options, function* () {})).rejects.toThrow(RangeError);
  },
);
