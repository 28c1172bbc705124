// The real thing: the client over real sockets, and articles found in real threads.

import { run } from "rondo";
import { expect, test } from "vitest";
import { serve } from "../../tests/serve.ts";
import { type FollowedArticle, followArticles, type FollowOptions } from "./follow.ts";

async function follow(urls: readonly string[], options: FollowOptions): Promise<FollowedArticle[]> {
  const articles: FollowedArticle[] = [];
  const links = urls.map((url) => ({ url, source: "https://feed.example/" }));
  const onArticle = (followed: FollowedArticle): void => void articles.push(followed);
  await run(() =>
    followArticles(links, { delay: 0, tries: 1, threads: 1, timeLimit: Infinity, ...options, onArticle }),
  );
  return urls.map((url) => articles.find((each) => each.url === url) as FollowedArticle);
}

test(
  "articles are followed over the network and found in threads, and bad ones stop nobody",
  { tags: ["long"] },
  async () => {
    const agents = new Set<string | undefined>();
    await using served = await serve((request, response) => {
      agents.add(request.headers["user-agent"]);
      const { url = "" } = request;
      if (url === "/robots.txt") response.end("User-agent: example-bot\nDisallow: /closed\n");
      else if (url === "/moved") response.writeHead(301, { location: "/storm" }).end();
      else if (url === "/broken") response.destroy();
      else {
        response.writeHead(200, { "content-type": "text/html; charset=iso-8859-1", "content-language": "en" });
        response.end(Buffer.from("<title>Storm</title><p>The caf\xE9 is closed.", "latin1"));
      }
    });
    const urls = ["/moved", "/closed", "/broken", "/storm"].map((path) => served.url + path);
    const [moved, closed, broken, storm] = await follow(urls, { allowPrivate: true, userAgent: "example-bot/1.0" });
    expect(moved).toMatchObject({
      ok: true,
      redirects: [`${served.url}/storm`],
      article: { text: "The caf\u00E9 is closed." },
    });
    expect(closed).toMatchObject({ ok: false, later: false, failure: { kind: "robots" } });
    expect(broken).toMatchObject({ ok: false, failure: { kind: "connection" } });
    expect(storm).toMatchObject({ ok: true, article: { title: "Storm", language: "en" } });
    expect([...agents]).toEqual(["example-bot/1.0"]);
  },
);

test("a link to a private address is not followed unless that is allowed, and nothing is asked there", async () => {
  let asked = 0;
  await using served = await serve((_request, response) => {
    asked++;
    response.end();
  });
  const [article] = await follow([`${served.url}/admin`], {});
  expect(article).toMatchObject({ ok: false, later: false, failure: { kind: "private" } });
  expect(article?.ok === false && article.failure.message).toContain("127.0.0.1");
  expect(asked).toBe(0);
});
