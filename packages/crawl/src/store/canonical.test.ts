import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalUrl } from "./canonical.ts";

test.each([
  ["case of scheme and host", "HTTPS://Example.ORG/Path", "https://example.org/Path"],
  ["http and https", "http://example.org/a", "https://example.org/a"],
  ["the default ports", "http://example.org:80/a", "https://example.org/a"],
  ["the other scheme's port", "https://example.org:443/a", "https://example.org/a"],
  ["www.", "https://www.example.org/a", "https://example.org/a"],
  ["the dot of the root", "https://example.org./a", "https://example.org/a"],
  ["a fragment", "https://example.org/a#comments", "https://example.org/a"],
  ["an empty fragment and query", "https://example.org/a?#", "https://example.org/a"],
  ["a slash at the end", "https://example.org/a/", "https://example.org/a"],
  ["the root", "https://example.org/", "https://example.org"],
  ["dots in the path", "https://example.org/b/../a", "https://example.org/a"],
  ["escapes that are not needed", "https://example.org/%7Ea%2d%41?x=%7e", "https://example.org/~a-A?x=~"],
  ["the case of escapes", "https://example.org/%c3%a9", "https://example.org/%C3%A9"],
  ["characters that are escaped", "https://example.org/é", "https://example.org/%C3%A9"],
  ["names in other scripts", "https://bücher.example/a", "https://xn--bcher-kva.example/a"],
  ["the order of parameters", "https://example.org/a?b=2&a=1", "https://example.org/a?a=1&b=2"],
  ["trackers", "https://example.org/a?utm_source=x&id=7&fbclid=y&UTM_Medium=z&gclid", "https://example.org/a?id=7"],
  ["only trackers", "https://example.org/a?mc_cid=1&at_campaign=2&xtor=3", "https://example.org/a"],
  ["white space around it", "  https://example.org/a\n", "https://example.org/a"],
])("%s makes no other article", (_what, spelling, canonical) => {
  expect(canonicalUrl(spelling)).toBe(canonical);
});

test.each([
  ["the path's case", "https://example.org/a", "https://example.org/A"],
  ["a port", "https://example.org:8080/a", "https://example.org/a"],
  ["a parameter", "https://example.org/?p=1", "https://example.org/?p=2"],
  ["a parameter without a value", "https://example.org/?1", "https://example.org/?2"],
  ["the order of parameters of one name", "https://example.org/?a=1&a=2", "https://example.org/?a=2&a=1"],
  ["a parameter that begins like a tracker's", "https://example.org/?gclidx=1", "https://example.org/"],
  ["a reference", "https://example.org/?ref=v1", "https://example.org/?ref=v2"],
  ["an escaped slash", "https://example.org/a%2Fb", "https://example.org/a/b"],
  ["an escaped ampersand", "https://example.org/?a=1%26b=2", "https://example.org/?a=1&b=2"],
  ["a plus and an escaped plus", "https://example.org/?a=b+c", "https://example.org/?a=b%2Bc"],
  ["a route in the fragment", "https://example.org/#!/a", "https://example.org/#!/b"],
  ["a subdomain", "https://news.example.org/", "https://example.org/"],
  ["www that is the whole name", "https://www.com/", "https://com/"],
])("%s makes another article", (_what, one, other) => {
  expect(canonicalUrl(one)).not.toBe(canonicalUrl(other));
});

test.each([
  "",
  "a",
  "urn:uuid:1",
  "mailto:a@b.example",
  "tag:example.org,2026:1",
  "https://",
  "http://[",
  "/a/b",
  "ftp://a.example/",
])("%j is no address", (text) => expect(canonicalUrl(text)).toBeUndefined());

test("the canonical form of a canonical form is itself", () => {
  const parameters = fc.webQueryParameters();
  const urls = fc.webUrl({ withQueryParameters: true, withFragments: true });
  fc.assert(
    fc.property(urls, parameters, (url, query) => {
      const once = canonicalUrl(`${url}${url.includes("?") ? "&" : "?"}${query}`);
      expect(canonicalUrl(once as string)).toBe(once);
    }),
  );
});

test("a long query of trackers is gone through in a time that grows with its length", () => {
  const query = Array.from({ length: 100_000 }, (_, i) => `utm_${i}=${"x".repeat(10)}`).join("&");
  expect(canonicalUrl(`https://example.org/a?${query}`)).toBe("https://example.org/a");
});
