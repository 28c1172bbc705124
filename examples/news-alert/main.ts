// An alarm for the news: says which new articles mention a word. What was said is remembered, so each is said once, and a
// feed that has nothing new sends nothing. Give it a real feed, a file to remember in and a word, and call it every hour.
//
// Run it: node --conditions=rondo-source examples/news-alert/main.ts [URL DATABASE WORD]
import { countWords, News, NewsStore, parseSource } from "@rondo/crawl";
import { type Answer, serve, text } from "@rondo/http";
import { type Coroutine, group, run } from "rondo";

const [url, database = ":memory:", word = "storm"] = process.argv.slice(2);

function* alarm(address: string, store: NewsStore): Coroutine<void> {
  const known = new Set([...store.articles({ term: word })].map((article) => article.url));
  // Asked for by hand, it is asked even if it said that it has nothing new before noon.
  const options = { store, evenIfNotDue: true, allowPrivate: url === undefined };
  const news = new News([parseSource(address)], options);
  yield* news.work();
  for (const { title, url: link, text: story } of store.articles({ term: word })) {
    if (known.has(link)) continue;
    console.log(`${title}: ${countWords(`${title} ${story}`).get(word)} times`);
  }
  for (const outcome of news.outcomes) if (outcome.state === "failed") console.log(outcome.failure.message);
}

const items = ["<title>A storm is near</title><link>/1</link>", "<title>All is calm</title><link>/2</link>"];
function* feed(): Coroutine<Answer> {
  return text(`<rss><channel>${items.map((item) => `<item>${item}</item>`).join("")}</channel></rss>`);
}

using memory = NewsStore.open(database);
await run(function* () {
  if (url !== undefined) return yield* alarm(url, memory);
  yield* group(function* () {
    const server = yield* serve({ host: "127.0.0.1", port: 0, handler: feed });
    yield* alarm(server.url, memory); // prints: A storm is near: 1 times
    items.push("<title>The storm</title><link>/3</link><description>What a storm!</description>");
    yield* alarm(server.url, memory); // prints: The storm: 2 times
    server.stop({ within: 100 });
  });
});
