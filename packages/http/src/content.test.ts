import { describe, expect, test } from "vitest";
import { dateOf, httpDate, rangeHolds, weigh } from "./conditional.ts";
import { HttpHeaders } from "./headers.ts";
import { preferred, wishesOf } from "./negotiation.ts";
import { rangesOf } from "./range.ts";

describe("wishes", () => {
  test("are read with their weights, in any case and with spaces", () => {
    expect(wishesOf(" GZIP ; Q=0.25 ,br;q=1.000, deflate;foo=1;q=0")).toEqual([
      { name: "gzip", weight: 0.25 },
      { name: "br", weight: 1 },
      { name: "deflate", weight: 0 },
    ]);
  });

  test("that are none are left out, and a weight that is none means rather not", () => {
    expect(wishesOf(", ,=,gzip;q=2,br;q=0.1234,zstd;q=")).toEqual([
      { name: "gzip", weight: 0 },
      { name: "br", weight: 0 },
      { name: "zstd", weight: 0 },
    ]);
  });

  test("beyond the sixty-fourth are not looked at", () => {
    expect(wishesOf("a,".repeat(1000))).toHaveLength(64);
  });

  test.each([
    [undefined, "br"],
    ["gzip", "gzip"],
    ["gzip, br", "br"],
    ["gzip;q=0.9, br;q=0.5", "gzip"],
    ["*", "br"],
    ["*;q=0.1, gzip", "gzip"],
    ["br;q=0, *", "gzip"],
    ["deflate", "identity"],
    ["", "identity"],
    ["identity;q=0, deflate", undefined],
    ["*;q=0", undefined],
    ["*;q=0, identity", "identity"],
  ])("Accept-Encoding: %s gets %s of br, gzip and identity", (value, expected) => {
    expect(preferred(value, ["br", "gzip", "identity"])).toBe(expected);
  });
});

describe("ranges", () => {
  test.each([
    ["bytes=0-0", [[0, 1]]],
    ["bytes=0-99", [[0, 100]]],
    ["bytes=10-", [[10, 100]]],
    ["bytes=-1", [[99, 100]]],
    ["bytes=-1000", [[0, 100]]],
    ["bytes=90-1000", [[90, 100]]],
    [
      "Bytes = 0-9 , 20-29",
      [
        [0, 10],
        [20, 30],
      ],
    ],
    [
      "bytes=50-59,0-9",
      [
        [50, 60],
        [0, 10],
      ],
    ],
    ["bytes=0-9,200-300", [[0, 10]]],
    ["bytes=,0-9,", [[0, 10]]],
  ])("%s of 100 bytes is %j", (value, expected) => {
    expect(rangesOf(value, 100)).toEqual(expected.map(([from, to]) => ({ from, to })));
  });

  test.each(["bytes=100-", "bytes=200-300", "bytes=-0", "bytes=100-100,150-"])("%s lies behind the end", (value) => {
    expect(rangesOf(value, 100)).toBe("unsatisfiable");
  });

  test.each([
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "bytes=9-0",
    "lines=0-1",
    "bytes=0-1 2-3",
    "bytes=1-2-3",
    "bytes=+1-2",
  ])("%j is nothing that can be obeyed", (value) => {
    expect(rangesOf(value, 100)).toBeUndefined();
  });

  test("that overlap, or are many, get the whole instead", () => {
    expect(rangesOf("bytes=0-9,5-14", 100)).toBeUndefined();
    expect(rangesOf(`bytes=${"0-,".repeat(5000)}`, 100)).toBeUndefined();
    expect(
      rangesOf(`bytes=${Array.from({ length: 17 }, (_, i) => `${2 * i}-${2 * i}`).join(",")}`, 100),
    ).toBeUndefined();
  });

  test("of nothing are none", () => {
    expect(rangesOf("bytes=0-", 0)).toBe("unsatisfiable");
    expect(rangesOf("bytes=-5", 0)).toBe("unsatisfiable");
  });
});

describe("conditions", () => {
  const modified = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const version = { etag: '"v1"', modified };
  const at = httpDate(modified);
  const later = httpDate(modified + 1000);
  const before = httpDate(modified - 1000);

  test.each([
    ["GET", {}, "go on"],
    ["GET", { "if-none-match": '"v1"' }, "not modified"],
    ["HEAD", { "if-none-match": '"v0", "v1"' }, "not modified"],
    ["GET", { "if-none-match": 'W/"v1"' }, "not modified"],
    ["GET", { "if-none-match": "*" }, "not modified"],
    ["GET", { "if-none-match": '"v2"' }, "go on"],
    ["GET", { "if-none-match": "v1" }, "go on"],
    ["PUT", { "if-none-match": "*" }, "precondition failed"],
    ["PUT", { "if-match": '"v1"' }, "go on"],
    ["PUT", { "if-match": 'W/"v1"' }, "precondition failed"],
    ["PUT", { "if-match": '"v2"' }, "precondition failed"],
    ["PUT", { "if-match": "*" }, "go on"],
    ["GET", { "if-modified-since": at }, "not modified"],
    ["GET", { "if-modified-since": later }, "not modified"],
    ["GET", { "if-modified-since": before }, "go on"],
    ["GET", { "if-modified-since": "yesterday" }, "go on"],
    ["PUT", { "if-modified-since": at }, "go on"],
    ["GET", { "if-none-match": '"v2"', "if-modified-since": at }, "go on"],
    ["PUT", { "if-unmodified-since": at }, "go on"],
    ["PUT", { "if-unmodified-since": before }, "precondition failed"],
    ["PUT", { "if-match": '"v1"', "if-unmodified-since": before }, "go on"],
  ])("%s with %j: %s", (method, headers, verdict) => {
    expect(weigh(method, HttpHeaders.from(headers as Record<string, string>), version)).toBe(verdict);
  });

  test("on what is not there yet", () => {
    expect(weigh("PUT", HttpHeaders.from({ "if-none-match": "*" }), undefined)).toBe("go on");
    expect(weigh("PUT", HttpHeaders.from({ "if-match": "*" }), undefined)).toBe("precondition failed");
  });

  test.each([
    [undefined, true],
    ['"v1"', true],
    ['"v2"', false],
    ['W/"v1"', false],
    [at, true],
    [later, false],
    ["nonsense", false],
  ])("If-Range: %s holds: %s", (value, holds) => {
    expect(rangeHolds(HttpHeaders.from({ "if-range": value }), version)).toBe(holds);
  });
});

describe("dates", () => {
  const expected = Date.UTC(1994, 10, 6, 8, 49, 37) / 1000;

  test.each(["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])(
    "%s is the one of the RFC",
    (text) => {
      expect(dateOf(text)).toBe(expected);
    },
  );

  test.each([
    "",
    "0",
    "1994-11-06T08:49:37Z",
    "Sun, 06 Nov 1994 08:49:37 CET",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 25:00:00 GMT",
    "Sun, 06 Xxx 1994 08:49:37 GMT",
  ])("%j is no date", (text) => {
    expect(dateOf(text)).toBeUndefined();
  });

  test("are written as they are read", () => {
    expect(httpDate(expected * 1000 + 999)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
    for (const ms of [0, 1e12, 4e12]) expect(dateOf(httpDate(ms))).toBe(Math.floor(ms / 1000));
  });
});
