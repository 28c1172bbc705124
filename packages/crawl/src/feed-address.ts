// Addresses that look like those of feeds. A guess, so it only breaks ties: which anchors of a page are worth a request, and
// whether an error page that was sent with a 200 stands where a feed should be.

const FEED_PATH = /(?:^|[/._-])(?:feeds?|rss2?|atom|rdf)(?:[/._-]|$)|\/index\.xml$/i;
const FEED_QUERY = /(?:^|&)(?:feed|format|type|alt|output|mode)=(?:rss|atom|rdf|feed|xml|json)/i;
/** Services that take a feed's address in their own: not the feed. And what ends like an address of a feed, and is none. */
const NO_FEED = /https?:|https?%3a|\/sitemap|\.(?:png|gif|jpe?g|svg|ico|css|js|pdf)$/i;

/** Whether an address is written like that of a feed; `undefined` where it is written like that of something else. */
export function looksLikeFeed(address: string): boolean | undefined {
  const { hostname, pathname, search } = new URL(address);
  if (NO_FEED.test(pathname + search)) return undefined;
  return FEED_PATH.test(pathname) || FEED_QUERY.test(search.slice(1)) || /^(?:feeds?|rss)\./.test(hostname);
}
