import { NewsStore } from "@rondo/crawl";
import { run } from "rondo";
import { expect, test } from "vitest";
import { madeUpPage, madeUpStore, TODAY } from "../../../tests/made-up.ts";
import { pageData } from "./page-data.ts";
import { html, inScript } from "./write-html.ts";

test("the page has what its memory says of the days that were asked for", () => {
  const asked: unknown[] = [];
  const data = pageData(
    {
      ...madeUpStore,
      top: (query) => {
        asked.push(query);
        return madeUpStore.top(query);
      },
    },
    { terms: ["climate"], days: 7, today: TODAY },
  );
  expect(asked).toEqual([{ limit: 10, range: { from: "2026-11-16", to: "2026-11-22" } }]);
  expect(data).toMatchObject({ made: TODAY, chosen: "asked", totals: { sources: 42, failing: 3 } });
  expect(data.trends.days.length).toBe(7);
  expect(data.totals.articles).toBe(data.trends.articles.reduce((sum, each) => sum + each, 0));
});

test("where no term is asked for, the lines are those of the words that rise most", () => {
  const data = pageData(madeUpStore, { terms: [], days: 30, today: TODAY });
  expect(data.chosen).toBe("rising");
  expect(data.trends.series.map(({ term }) => term).toSorted()).toEqual(
    data.rising
      .slice(0, 5)
      .map(({ word }) => word)
      .toSorted(),
  );
});

test("an empty memory gives an empty page", () => {
  using store = NewsStore.open(":memory:");
  expect(pageData(store, { terms: [], days: 3, today: TODAY })).toMatchObject({
    chosen: "none",
    trends: { articles: [0, 0, 0], series: [] },
    ...{ top: [], rising: [], health: [], run: undefined },
    totals: { articles: 0, sources: 0, failing: 0 },
  });
});

test("data in a script can neither end it nor begin a comment, and is read back as it was", () => {
  const strange = { text: "</script><!--<script>&amp;\u2028\u2029'\"$& \uD800" };
  const text = inScript(strange);
  expect(text).not.toMatch(/[<>&\u2028\u2029]/);
  expect(JSON.parse(text)).toEqual(strange);
});

test("the page holds all that it needs: no address to load from, no part that was not put in", async () => {
  const page = await run(() => html(madeUpPage()));
  expect(page).not.toMatch(/\b(src|href)="(?!#)/);
  expect(page).not.toMatch(/@import|url\(/);
  expect(page).not.toMatch(/\{\{|<!-- (style|scripts)|^\s*(import|export) /m);
  expect(page.match(/<\/?script\b/g)).toHaveLength(6);
  expect(page.match(/<\/?style\b/g)).toHaveLength(2);
  expect(page).toContain("uPlot");
});
