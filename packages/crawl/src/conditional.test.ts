// Asking only for what is new: through a run with a store, as it is used.

import { describe, expect, test } from "vitest";
import { VirtualHost } from "rondo";
import { FakeStore } from "../tests/fake-store.ts";
import { type Answer, feed, visit, Web } from "../tests/web.ts";
import type { News, NewsOptions } from "./index.ts";
import { conditions, validatorsOf } from "./conditional.ts";

const A = "http://a.example/";
const B = "http://b.example/";
const DATE = "Sun, 22 Nov 2026 10:00:00 GMT";

/** Visits one source several times with one memory; what was asked of it, and what became of it, each time. */
async function again(
  answer: (times: number, url: string, headers: Readonly<Record<string, string>>) => Answer,
  runs: number,
  options: NewsOptions = {},
): Promise<{ asked: { url: string; sent: Record<string, string> }[]; news: News[]; store: FakeStore }> {
  const web = new Web((url, times, headers) => answer(times, url, headers));
  const store = new FakeStore();
  const news: News[] = [];
  for (let run = 0; run < runs; run++) {
    news.push(await visit(web, [A], { store, evenIfNotDue: true, tries: 1, ...options }, new VirtualHost()));
  }
  const asked = web.asked.map(({ url, headers }) => ({
    url,
    sent: Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("if-"))),
  }));
  return { asked, news, store };
}

const states = (news: News[]): string[] =>
  news.map(({ outcomes: [only] }) => (only?.state === "failed" ? only.failure.message : (only?.state ?? "none")));

describe("the next request", () => {
  test("sends both validators back as they came, and a 304 is a success with the numbers of the last time", async () => {
    const { asked, news } = await again(
      (times): Answer =>
        times === 0
          ? { body: feed("Storm", "a storm"), headers: { etag: 'W/"x y"', "last-modified": DATE } }
          : { status: 304 },
      3,
      { terms: ["storm"] },
    );
    const sent = { "if-none-match": 'W/"x y"', "if-modified-since": DATE };
    expect(asked.map((each) => each.sent)).toEqual([{}, sent, sent]);
    expect(states(news)).toEqual(["done", "unchanged", "unchanged"]);
    const [first, second] = news.map((each) => each.report());
    expect(second?.totals).toMatchObject({ done: 0, unchanged: 1, failed: 0, articles: 1, words: 3 });
    expect(second?.totals.mentions).toEqual(first?.totals.mentions);
    const { title, words, mentions, kind, charset, articles } = first?.sources[0] ?? {};
    expect(second?.sources[0]).toMatchObject({ state: "unchanged", title, words, mentions, kind, charset, articles });
    expect(news[1]?.progress).toMatchObject({ done: 0, unchanged: 1, failed: 0, running: 0, waiting: 0 });
  });

  test.each([
    ["a strong one", '"abc"', '"abc"'],
    ["a weak one", 'W/"abc"', 'W/"abc"'],
    ["one without quotes", "abc-123", "abc-123"],
    ["one with quotes in it", '"a"b"', '"a"b"'],
    ["one of nothing between quotes", '""', '""'],
    ["two that came as one", '"a", "b"', '"a", "b"'],
    ["an empty one", "", undefined],
    ["one as long as a page", `"${"x".repeat(5000)}"`, undefined],
  ])("takes an entity tag for what it is: %s", async (_name, etag, sent) => {
    const { asked } = await again((): Answer => ({ body: feed("x"), headers: { etag } }), 2);
    expect(asked[1]?.sent).toEqual(sent === undefined ? {} : { "if-none-match": sent });
  });

  test("is made without conditions after a 200 without validators", async () => {
    const { asked, store } = await again(
      (times): Answer => ({ body: feed("x"), headers: times === 0 ? { etag: '"1"', "last-modified": DATE } : {} }),
      3,
    );
    expect(asked.map(({ sent }) => Object.keys(sent).length)).toEqual([0, 2, 0]);
    expect(store.state(A)).toMatchObject({ etag: undefined, lastModified: undefined });
  });

  test("is made without conditions after a body that was cut", async () => {
    const { asked, store } = await again(
      (): Answer => ({ body: feed("x").repeat(3), headers: { etag: '"1"', "last-modified": DATE } }),
      2,
      { bodyLimit: 200 },
    );
    expect(asked[1]?.sent).toEqual({});
    expect(store.records[0]?.result).toMatchObject({ state: "done", etag: undefined, lastModified: undefined });
  });

  test.each([
    ["RSS", feed("x").replace("</channel></rss>", "<item><ti"), false],
    ["RSS", `${feed("x")}\n<!-- cached -->`, true],
    ["a feed with broken entries", feed("x").replace("<item>", "<item><title>&</titel></item><item>"), true],
    ["Atom", "<feed xmlns='http://www.w3.org/2005/Atom'><title>T</title><entry><title>x</title></entry><ent", false],
    ["Atom", "<feed xmlns='http://www.w3.org/2005/Atom'><title>T</title><entry><title>x</title></entry></feed>", true],
    ["JSON", '{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[{"id":"1","title":"x"},{"i', false],
    ["JSON", '{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[{"id":"1","title":"x"}]}\n', true],
    ["a page", "<title>x</title><p>Pages are left open", true],
  ])("is made with conditions only after a body whose end had come: %s, %j", async (_kind, body, complete) => {
    const { asked, news } = await again((): Answer => ({ body, headers: { etag: '"1"' } }), 2);
    expect(states(news)).toEqual(["done", "done"]);
    expect(asked[1]?.sent).toEqual(complete ? { "if-none-match": '"1"' } : {});
  });

  test("is made with the older validators after a body that could not be read", async () => {
    const { asked, news, store } = await again(
      (times): Answer =>
        times === 1
          ? { body: "Down for repairs.", headers: { etag: '"2"' } }
          : { body: feed("x"), headers: { etag: '"1"' } },
      3,
    );
    expect(states(news)[1]).toBe("this is plain text, neither a feed nor a page");
    expect(asked[2]?.sent).toEqual({ "if-none-match": '"1"' });
    expect(store.records[1]?.result).toMatchObject({ state: "failed", status: 200 });
  });

  test("is made with the older validators where the caller's onDocument threw", async () => {
    let calls = 0;
    const { asked } = await again((times): Answer => ({ body: feed("x"), headers: { etag: `"${times}"` } }), 3, {
      onDocument: () => {
        if (calls++ === 1) throw new Error("no room");
      },
    });
    expect(asked.map(({ sent }) => sent["if-none-match"])).toEqual([undefined, '"0"', '"0"']);
  });

  test("is made with the older validators after an answer that is not whole or not the server's own", async () => {
    const { asked } = await again(
      (times): Answer => ({ status: times === 0 ? 200 : 203, body: feed("x"), headers: { etag: `"${times}"` } }),
      3,
    );
    expect(asked.map(({ sent }) => sent["if-none-match"])).toEqual([undefined, '"0"', undefined]);
  });

  test("is conditional at every try", async () => {
    const { asked } = await again(
      (times): Answer => (times === 1 ? { status: 503 } : { body: feed("x"), headers: { etag: '"1"' } }),
      2,
      { tries: 3 },
    );
    expect(asked.map(({ sent }) => sent["if-none-match"])).toEqual([undefined, '"1"', '"1"']);
  });
});

describe("a 304", () => {
  test("to a request that set no condition is that source's error", async () => {
    const { news, asked } = await again((): Answer => ({ status: 304 }), 2, { tries: 3 });
    const says = "a.example answers that nothing has changed (HTTP 304), and was not asked since when";
    expect(states(news)).toEqual([says, says]);
    expect(asked).toHaveLength(2);
  });

  test("may bring the validators in other words", async () => {
    const later = "Sun, 22 Nov 2026 11:00:00 GMT";
    const { asked } = await again(
      (times): Answer =>
        times === 0
          ? { body: feed("x"), headers: { etag: '"1"', "last-modified": DATE } }
          : { status: 304, headers: { etag: 'W/"1"', "last-modified": later } },
      3,
    );
    expect(asked[2]?.sent).toEqual({ "if-none-match": 'W/"1"', "if-modified-since": later });
  });

  test("that names another version than was asked about is asked again without conditions, once", async () => {
    const { asked, news } = await again((times): Answer => {
      if (times === 1) return { status: 304, headers: { etag: '"2"' } };
      return { body: feed(`version ${times}`), headers: { etag: `"${times + 1}"` } };
    }, 2);
    expect(asked.map(({ sent }) => sent["if-none-match"])).toEqual([undefined, '"1"', undefined]);
    expect(news[1]?.outcomes[0]).toMatchObject({ state: "done", title: "version 2", tries: 1 });
    const stubborn = await again(
      (times): Answer =>
        times === 0 ? { body: feed("x"), headers: { etag: '"1"' } } : { status: 304, headers: { etag: '"2"' } },
      2,
    );
    expect(stubborn.asked).toHaveLength(3);
    expect(states(stubborn.news)[1]).toMatch(/was not asked since when/);
  });
});

describe("where a source is redirected", () => {
  test("validators are those of the last address, and sent only there", async () => {
    const { asked, news } = await again((times, url): Answer => {
      if (url === A) return { status: 302, headers: { location: B, etag: '"of a"' } };
      return times === 0 ? { body: feed("x"), headers: { etag: '"of b"' } } : { status: 304 };
    }, 2);
    expect(asked).toEqual([
      { url: A, sent: {} },
      { url: B, sent: {} },
      { url: A, sent: {} },
      { url: B, sent: { "if-none-match": '"of b"' } },
    ]);
    expect(states(news)).toEqual(["done", "unchanged"]);
  });

  test("and then leads elsewhere, nobody else is asked about them", async () => {
    let to = B;
    const { asked } = await again((_times, url): Answer => {
      if (url !== A) return { body: feed("x"), headers: { etag: '"1"' } };
      const location = to;
      to = "http://c.example/";
      return { status: 302, headers: { location } };
    }, 2);
    expect(asked.at(-1)).toEqual({ url: "http://c.example/", sent: {} });
  });

  test("for good, that is noted and nothing else is changed", async () => {
    const { news, asked } = await again((_times, url): Answer => {
      if (url === A) return { status: 301, headers: { location: "/new" } };
      if (url === `${A}new`) return { status: 308, headers: { location: B } };
      if (url === B) return { status: 302, headers: { location: "http://c.example/today" } };
      return { body: feed("x") };
    }, 2);
    expect(news[0]?.outcomes[0]).toMatchObject({ movedTo: B, notes: [`it has moved for good to ${B}`] });
    expect(news[0]?.report().sources[0]).toMatchObject({ url: A, movedTo: B });
    expect(asked.filter(({ url }) => url === A)).toHaveLength(2);
  });

  test("for now, nothing is noted", async () => {
    const { news } = await again((_times, url): Answer => {
      if (url === A) return { status: 307, headers: { location: `${A}b` } };
      if (url === `${A}b`) return { status: 301, headers: { location: B } };
      return { body: feed("x") };
    }, 1);
    expect(news[0]?.outcomes[0]).not.toHaveProperty("movedTo");
    expect(news[0]?.outcomes[0]).toMatchObject({ notes: [] });
  });

  test("what a try that failed has been told of moving is forgotten with it", async () => {
    const { news } = await again(
      (times, url): Answer => {
        if (url === A) return { status: times === 0 ? 301 : 302, headers: { location: B } };
        return times === 0 ? { status: 503 } : { body: feed("x") };
      },
      1,
      { tries: 2 },
    );
    expect(news[0]?.outcomes[0]).toMatchObject({ state: "done" });
    expect(news[0]?.outcomes[0]).not.toHaveProperty("movedTo");
  });
});

describe("what was remembered is not trusted", () => {
  test.each(['"1"\r\nx-evil: 1', '"1"\n', "\u0000", '"☂"', "  "])("%j is not sent", (etag) => {
    const sent = conditions({ etag, lastModified: DATE, url: A }, A);
    // A line break at the end is none within.
    expect(sent).toEqual(
      etag === '"1"\n' ? { "if-none-match": '"1"', "if-modified-since": DATE } : { "if-modified-since": DATE },
    );
  });

  test("hints that are none are ignored", async () => {
    const web = new Web(() => ({ status: 304 }));
    for (const hints of [null, "x", 7, { every: "soon", skipHours: [1, "x"], from: 9 }, [1]]) {
      const store = new FakeStore();
      store.states.set(A, { url: A, etag: '"1"', lastModified: undefined, hints, due: 0, failures: 0 });
      const news = await visit(web, [A], { store });
      expect(states([news])).toEqual(["unchanged"]);
    }
    expect(web.asked.every(({ headers }) => headers["if-none-match"] === '"1"')).toBe(true);
  });

  test("an answer's validators are taken without the space around them", () => {
    expect(validatorsOf(new Map([["etag", ' "1" ']]), A)).toEqual({ etag: '"1"', lastModified: undefined, url: A });
    expect(validatorsOf(new Map(), A)).toBeUndefined();
  });
});
