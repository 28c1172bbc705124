/** Where a request goes: what of a URL is needed to connect, and what goes into the head. */

export interface Target {
  readonly url: URL;
  readonly secure: boolean;
  /** The host as one connects to it: without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** What `Host` says. */
  readonly host: string;
  /** Path and query. */
  readonly path: string;
  /** Names the server: two targets with the same can share connections. */
  readonly origin: string;
  /** `user:password`, as it is sent in `Authorization`; undefined where the URL has none. */
  readonly credentials: string | undefined;
  /** Without fragment and credentials, for people and for `Referer`. */
  readonly href: string;
}

/** Programs ask for few URLs many times, or for many once: parsing costs as much as sending. */
const KEPT = 512;
const known = new Map<string, Target>();

/** Reads a URL; throws a `TypeError` for what is none of `http:` or `https:`. */
export function targetOf(url: string | URL): Target {
  if (typeof url !== "string") return read(url);
  let target = known.get(url);
  if (target === undefined) {
    if (!URL.canParse(url)) throw new TypeError(`${JSON.stringify(url)} is no absolute URL`);
    target = read(new URL(url));
    if (known.size >= KEPT) known.clear();
    known.set(url, target);
  }
  return target;
}

function read(url: URL): Target {
  const secure = url.protocol === "https:";
  if (!secure && url.protocol !== "http:")
    throw new TypeError(`${url.href} is neither http: nor https:, and cannot be fetched`);
  const { hostname } = url;
  const plain = new URL(url.href);
  plain.hash = "";
  plain.username = "";
  plain.password = "";
  const { username, password } = url;
  return {
    url: plain,
    secure,
    hostname: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    host: url.host,
    path: `${url.pathname}${url.search}`,
    origin: url.origin,
    credentials:
      username === "" && password === ""
        ? undefined
        : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`,
    href: plain.href,
  };
}
