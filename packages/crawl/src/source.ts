// A source: one address to download, and the name to show for it. What may be an address is decided here, once, so that
// an argument, a line of a list and an OPML outline are refused in the same words.

import { SourceError } from "./failure.ts";

/** One feed or page to download. */
export interface Source {
  /** Absolute, `http:` or `https:`. */
  readonly url: string;
  /** Host name and port: what the limit for each host counts by. */
  readonly host: string;
  /** What its list calls it, if it calls it anything. */
  readonly name?: string;
}

/** A source, or part of a list of them, that cannot be used, and why. */
export interface Problem {
  /** As it was written: the argument, or `FILE:LINE`. */
  readonly input: string;
  readonly error: SourceError;
}

/** What a list held: what can be downloaded, and what cannot. */
export interface SourceList {
  readonly sources: Source[];
  readonly problems: Problem[];
}

/**
 * The source an address names.
 *
 * @throws {SourceError} of kind `url`: no scheme, a scheme other than http and https, credentials, or no address at all.
 *
 * @example
 * ```ts
 * import { parseSource } from "@rondo/crawl";
 *
 * console.log(parseSource("https://example.org/feed").host); // prints: example.org
 * try {
 *   parseSource("example.org/feed");
 * } catch (error) {
 *   console.log(error instanceof Error && error.message); // prints: "example.org/feed" has no scheme; did you mean https://example.org/feed ?
 * }
 * ```
 */
export function parseSource(address: string, name?: string): Source {
  const text = address.trim();
  if (text === "") throw new SourceError("url", "an empty address");
  const quoted = JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
  // "localhost:8080/x" parses as a URL whose scheme is "localhost:", so the two slashes are what tells.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const scheme = /^(?:mailto|javascript|data|file|about|blob|tel):/i.exec(text);
    if (scheme !== null) throw new SourceError("url", `${quoted}: only http and https can be downloaded`);
    const rest = text.replace(/^\/+/, "");
    const named = /^[^\s/:]+\.[^\s/]+|^localhost\b|^[^\s/:]+:\d+/i.test(rest);
    const guess = named ? `; did you mean https://${rest} ?` : "";
    throw new SourceError("url", `${quoted} has no scheme${guess}`);
  }
  if (!URL.canParse(text)) throw new SourceError("url", `${quoted} is not a URL`);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new SourceError("url", `${quoted}: only http and https can be downloaded`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new SourceError("url", `${quoted.replace(/\/\/[^/]*@/, "//…@")}: a user name in a URL is not sent to anyone`);
  }
  // A fragment never reaches the server, and two addresses that differ in it alone are one source.
  url.hash = "";
  return name === undefined || name === ""
    ? { url: url.href, host: url.host }
    : { url: url.href, host: url.host, name };
}

/** The sources without those whose address came before; the first one's name stands. */
export function distinct(sources: Iterable<Source>): Source[] {
  const seen = new Map<string, Source>();
  for (const source of sources) if (!seen.has(source.url)) seen.set(source.url, source);
  return [...seen.values()];
}
