// One spelling for the many addresses under which an article is linked to.
//
// The result is a key to compare by, and is never asked for. So it may go further than what a server would take for the
// same: whether a link says http or https, `www.` or nothing, whether it ends in a slash, in which order its parameters
// stand and from which newsletter it was clicked makes no other article of it. What may make one stays: the path's
// case, every parameter that is not known to be a tracker's, and a fragment that an application routes by (`#!/a/1`).

/** Parameters that say where a reader comes from. Their names are those of the tools that add them. */
const TRACKERS =
  /^(?:utm_.*|mtm_.*|matomo_.*|pk_(?:campaign|source|medium|kwd|keyword|content)|hsa_.*|at_(?:medium|campaign|link.*|format|ptr_name|bbc_team)|oly_(?:anon|enc)_id|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|ysclid|twclid|ttclid|li_fat_id|igshid|igsh|mc_cid|mc_eid|mkt_tok|_hsenc|_hsmi|__hssc|__hstc|__hsfp|vero_id|vero_conv|wickedid|rb_clickid|s_cid|s_kwcid|ns_(?:source|mchannel|campaign|linkname|fee)|wt\.?_?mc|wt_zmc|xtor|cmpid|cmp|emc|smid|smtyp|ftag|ito|ocid|_ga|_gl|ref_src|ref_url|guccounter|guce_referrer.*)$/i;

/**
 * The key of an address, by which two spellings of the same are found to be one; `undefined` for what is no address of
 * the web.
 *
 * @example
 * ```ts
 * import { canonicalUrl } from "@rondo/crawl";
 *
 * console.log(canonicalUrl("HTTP://www.Example.org:80/a/?b=2&utm_source=rss&a=1#top")); // prints: https://example.org/a?a=1&b=2
 * console.log(canonicalUrl("urn:isbn:0451450523")); // prints: undefined
 * ```
 */
export function canonicalUrl(address: string): string | undefined {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  // The parser has brought case, escapes and dots of host and path into one form, and dropped the scheme's own port.
  const port = url.port === "80" || url.port === "443" ? "" : url.port;
  const host = url.hostname.replace(/\.$/, "").replace(/^www\.(?=[^.]+\.)/, "");
  const path = unescaped(url.pathname).replace(/\/+$/, "");
  const query = parameters(url.search);
  const route = /^#[!/]/.test(url.hash) ? url.hash : "";
  return `https://${host}${port === "" ? "" : `:${port}`}${path}${query}${route}`;
}

/** Escapes of characters that need none are undone, and the others written in capitals (RFC 3986, section 6.2.2). */
function unescaped(path: string): string {
  if (!path.includes("%")) return path;
  return path.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
}

/** The parameters that tell articles apart, by their names; those of one name keep their order. */
function parameters(search: string): string {
  if (search.length < 2) return "";
  const kept = search
    .slice(1)
    .split("&")
    .filter((parameter) => parameter !== "" && !TRACKERS.test(nameOf(parameter)));
  if (kept.length === 0) return "";
  if (kept.length > 1) kept.sort((a, b) => compare(nameOf(a), nameOf(b)));
  return `?${unescaped(kept.join("&"))}`;
}

function nameOf(parameter: string): string {
  const end = parameter.indexOf("=");
  return end === -1 ? parameter : parameter.slice(0, end);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
