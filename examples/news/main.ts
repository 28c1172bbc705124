// The news run as a library: sources in, a report out. Serves three feeds of its own, so it needs no network, and shows
// what becomes of a source that fails: a result like the others.
//
//   node --conditions=rondo-source examples/news/main.ts
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { News, parseSource } from "@rondo/crawl";
import { run } from "rondo";

const feed = (title: string, ...articles: string[]): string =>
  `<rss version="2.0"><channel><title>${title}</title>${articles.map((text) => `<item><title>${text}</title></item>`).join("")}</channel></rss>`;

const pages: Record<string, string> = {
  "/coast": feed("The Coast", "A storm is coming", "After the storm"),
  "/hills": feed("The Hills", "Sun, and no storm in sight"),
};

const server = createServer((request, response) => {
  const page = pages[request.url ?? ""];
  setTimeout(() => (page === undefined ? response.writeHead(404).end() : response.end(page)), 50);
}).listen(0, "127.0.0.1");
await once(server, "listening");
const site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const news = new News(
  ["/coast", "/hills", "/valley"].map((path) => parseSource(site + path)),
  { terms: ["storm"], perHost: 3, timeout: 5000, allowPrivate: true },
);
await run(() => news.work());
server.close();

const { sources, totals } = news.report();
for (const { title, url, articles, mentions, failure } of sources) {
  if (failure === undefined) console.log(`${title}: ${articles} articles, storm ${mentions?.[0]} times`);
  else console.log(`${new URL(url).pathname}: ${failure.kind}, ${failure.message.replace(/^\S+ /, "the server ")}`);
}
console.log(`${totals.done} of ${totals.sources} read`);
// prints: The Coast: 2 articles, storm 2 times
// prints: The Hills: 1 articles, storm 1 times
// prints: /valley: status, the server answers HTTP 404 Not Found
// prints: 2 of 3 read
