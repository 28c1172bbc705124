import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WebSocketHandshakeError } from "./errors.ts";
import { acceptDeflate, checkDeflate, type DeflateOptions, offerDeflate, parseExtensions } from "./extensions.ts";
import {
  acceptHandshake,
  acceptKey,
  type AcceptOptions,
  askHandshake,
  type AskOptions,
  checkAnswer,
  type HeaderReader,
  originAllowed,
} from "./handshake.ts";
import { nodeDeflate } from "./node-deflate.ts";
import { sha1 } from "./sha1.ts";

/** Fields, as a head would give them. */
function fields(pairs: readonly (readonly [string, string])[]): HeaderReader {
  const getAll = (name: string): string[] =>
    pairs.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  return { getAll, get: (name) => (getAll(name).length === 0 ? undefined : getAll(name).join(", ")) };
}

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const GOOD: readonly (readonly [string, string])[] = [
  ["host", "server.example.com"],
  ["upgrade", "websocket"],
  ["connection", "Upgrade"],
  ["sec-websocket-key", KEY],
  ["sec-websocket-version", "13"],
];

/** The good request, with some fields replaced; undefined leaves one out. */
function asked(
  changes: Record<string, string | undefined> = {},
  options: AcceptOptions = {},
  { method = "GET", version = "1.1" } = {},
): ReturnType<typeof acceptHandshake> {
  const kept = GOOD.filter(([name]) => !(name in changes));
  const added = Object.entries(changes).filter((one): one is [string, string] => one[1] !== undefined);
  return acceptHandshake({ method, version, headers: fields([...kept, ...added]) }, options);
}

test("SHA-1 is what everybody else takes for it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme-ascii", maxLength: 200 }), (text) => {
      expect(Buffer.from(sha1(text)).toString("hex")).toBe(createHash("sha1").update(text).digest("hex"));
    }),
  );
});

test("the key of RFC 6455, section 1.3, has its answer", () =>
  expect(acceptKey(KEY)).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));

describe("the server's half (RFC 6455, 4.2)", () => {
  test("agrees to the request of section 1.3", () =>
    expect(asked()).toEqual({
      ok: true,
      protocol: "",
      deflate: undefined,
      headers: [
        ["upgrade", "websocket"],
        ["connection", "Upgrade"],
        ["sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
      ],
    }));

  test("words are words in any case and among others", () =>
    expect(asked({ upgrade: "h2c, WebSocket", connection: "keep-alive , UPGRADE" }).ok).toBe(true));

  test.each([
    ["another method", {}, { method: "POST" }, 405],
    ["HTTP/1.0", {}, { version: "1.0" }, 426],
    ["no Upgrade", { upgrade: undefined }, {}, 426],
    ["an Upgrade to something else", { upgrade: "h2c" }, {}, 426],
    ["a word that only begins so", { upgrade: "websockets" }, {}, 426],
    ["no Connection", { connection: undefined }, {}, 400],
    ["a Connection of something else", { connection: "keep-alive" }, {}, 400],
    ["no version", { "sec-websocket-version": undefined }, {}, 426],
    ["an old version", { "sec-websocket-version": "8" }, {}, 426],
    ["two versions", { "sec-websocket-version": "13, 8" }, {}, 426],
    ["no key", { "sec-websocket-key": undefined }, {}, 400],
    ["a key of 15 bytes", { "sec-websocket-key": Buffer.alloc(15).toString("base64") }, {}, 400],
    ["a key of 17 bytes", { "sec-websocket-key": Buffer.alloc(17).toString("base64") }, {}, 400],
    ["a key that is no base64", { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZ!==" }, {}, 400],
    ["a key with bits that are none", { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZR==" }, {}, 400],
    ["a subprotocol that is no word", { "sec-websocket-protocol": "a b" }, {}, 400],
    ["a subprotocol twice", { "sec-websocket-protocol": "a, b, a" }, {}, 400],
    ["an empty subprotocol", { "sec-websocket-protocol": "a,,b" }, {}, 400],
    ["extensions that cannot be read", { "sec-websocket-extensions": "a; b=c=d" }, {}, 400],
    ["a page of another host", { origin: "https://evil.example" }, {}, 403],
    ["a page of nowhere", { origin: "null" }, {}, 403],
  ])("refuses %s", (_what, changes, request, status) => {
    const answer = asked(changes, {}, request);
    expect(answer).toMatchObject({ ok: false, status });
    if (status === 426) expect(answer.headers).toContainEqual(["upgrade", "websocket"]);
  });

  test("two keys are refused, and not joined to one", () => {
    const headers = fields([...GOOD, ["sec-websocket-key", KEY]]);
    expect(acceptHandshake({ method: "GET", version: "1.1", headers })).toMatchObject({ ok: false, status: 400 });
  });

  test("another version is told which one there is (4.4)", () =>
    expect(asked({ "sec-websocket-version": "25" }).headers).toContainEqual(["sec-websocket-version", "13"]));

  test("takes the first subprotocol of the client's that it speaks, or none", () => {
    const protocols = ["mqtt", "chat"];
    expect(asked({ "sec-websocket-protocol": "wamp, chat, mqtt" }, { protocols })).toMatchObject({
      ok: true,
      protocol: "chat",
    });
    const none = asked({ "sec-websocket-protocol": "wamp" }, { protocols });
    expect(none).toMatchObject({ ok: true, protocol: "" });
    expect(none.headers.some(([name]) => name === "sec-websocket-protocol")).toBe(false);
  });

  test("agrees to compression only where it is wanted here, and can be done", () => {
    const changes = { "sec-websocket-extensions": "x-other, permessage-deflate; client_max_window_bits" };
    expect(asked(changes)).toMatchObject({ ok: true, deflate: undefined });
    expect(asked(changes, { deflate: {}, service: null })).toMatchObject({ ok: true, deflate: undefined });
    const agreed = asked(changes, { deflate: {}, service: nodeDeflate() });
    expect(agreed.headers).toContainEqual(["sec-websocket-extensions", "permessage-deflate"]);
    expect(agreed).toMatchObject({ deflate: { sendBits: 15, receiveBits: 15, sendTakeover: true } });
  });
});

describe("origins (RFC 6455, 10.2)", () => {
  test.each([
    ["https://example.org", "example.org", true],
    ["https://example.org", "EXAMPLE.org:443", true],
    ["http://example.org", "example.org:80", true],
    ["http://example.org:8080", "example.org:8080", true],
    ["http://[::1]:8080", "[::1]:8080", true],
    ["https://example.org", "example.org:80", false],
    ["http://example.org:8080", "example.org", false],
    ["https://example.org.evil.example", "example.org", false],
    ["https://evil.example", "example.org", false],
    ["https://example.org@evil.example", "example.org", false],
    ["https://example.org/", "example.org", false],
    ["chrome-extension://example.org", "example.org", false],
    ["null", "null", false],
    ["", "", false],
  ])("a page of %j asks %j: %j", (origin, host, allowed) => expect(originAllowed(origin, host, "same")).toBe(allowed));

  test("a list, a function, or any", () => {
    expect(originAllowed("https://a.example", "b.example", ["https://a.example"])).toBe(true);
    expect(originAllowed("https://a.example", "a.example", ["https://c.example"])).toBe(false);
    expect(originAllowed("https://a.example", undefined, (origin) => origin.endsWith("a.example"))).toBe(true);
    expect(originAllowed("null", undefined, "any")).toBe(true);
    // One that is no page names none.
    expect(asked({}, { origins: [] }).ok).toBe(true);
  });
});

describe("the client's half (RFC 6455, 4.1)", () => {
  const zeros = (bytes: Uint8Array): void => void bytes.fill(0);
  const check = (changes: Record<string, string | undefined> = {}, options: AskOptions = {}, status = 101): unknown => {
    const sent = askHandshake(options, zeros);
    const good: Record<string, string | undefined> = {
      upgrade: "WebSocket",
      connection: "upgrade",
      "sec-websocket-accept": acceptKey(sent.key),
      ...changes,
    };
    const pairs = Object.entries(good).filter((one): one is [string, string] => one[1] !== undefined);
    return checkAnswer({ status, headers: fields(pairs) }, sent, options);
  };

  test("asks with a key of 16 random bytes", () => {
    const { key, headers } = askHandshake({ protocols: ["a", "b"], deflate: {} }, (bytes) => void bytes.fill(255));
    expect(key).toBe(Buffer.alloc(16, 255).toString("base64"));
    expect(headers).toEqual([
      ["upgrade", "websocket"],
      ["connection", "Upgrade"],
      ["sec-websocket-key", key],
      ["sec-websocket-version", "13"],
      ["sec-websocket-protocol", "a, b"],
      ["sec-websocket-extensions", "permessage-deflate; client_max_window_bits"],
    ]);
  });

  test("takes an answer that agrees", () => {
    expect(check()).toEqual({ protocol: "", deflate: undefined });
    expect(check({ "sec-websocket-protocol": "b" }, { protocols: ["a", "b"] })).toMatchObject({ protocol: "b" });
  });

  test.each([
    ["another status", {}, {}, 200],
    ["no Upgrade", { upgrade: undefined }, {}, 101],
    ["two upgrades", { upgrade: "websocket, h2c" }, {}, 101],
    ["no Connection", { connection: undefined }, {}, 101],
    ["no Accept", { "sec-websocket-accept": undefined }, {}, 101],
    ["a wrong Accept", { "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" }, {}, 101],
    ["a subprotocol that was not asked for", { "sec-websocket-protocol": "x" }, { protocols: ["a"] }, 101],
    ["a subprotocol where none was asked for", { "sec-websocket-protocol": "x" }, {}, 101],
    ["none of the subprotocols", {}, { protocols: ["a"] }, 101],
    ["an extension where none was asked for", { "sec-websocket-extensions": "permessage-deflate" }, {}, 101],
    ["another extension", { "sec-websocket-extensions": "x-other" }, { deflate: {} }, 101],
    [
      "the extension twice",
      { "sec-websocket-extensions": "permessage-deflate, permessage-deflate" },
      { deflate: {} },
      101,
    ],
    ["a parameter that there is not", { "sec-websocket-extensions": "permessage-deflate; x" }, { deflate: {} }, 101],
  ])("refuses %s", (_what, changes, options, status) =>
    expect(() => check(changes, options, status)).toThrow(WebSocketHandshakeError),
  );

  test("subprotocols that are no words are refused where they are given", () => {
    for (const protocols of [["a b"], [""], ["a", "a"], ["ä"]])
      expect(() => askHandshake({ protocols }, zeros)).toThrow(TypeError);
  });
});

describe("extensions as they are written (RFC 6455, 9.1)", () => {
  test.each([
    ["foo", [{ name: "foo", parameters: [] }]],
    [
      "foo; bar; baz=2",
      [
        {
          name: "foo",
          parameters: [
            ["bar", true],
            ["baz", "2"],
          ],
        },
      ],
    ],
    [
      'foo; bar="baz", x',
      [
        { name: "foo", parameters: [["bar", "baz"]] },
        { name: "x", parameters: [] },
      ],
    ],
    [
      " foo ;bar = 1 , , x;y",
      [
        { name: "foo", parameters: [["bar", "1"]] },
        { name: "x", parameters: [["y", true]] },
      ],
    ],
    ['a; b="\\c"', [{ name: "a", parameters: [["b", "c"]] }]],
  ])("%s", (header, expected) => expect(parseExtensions(header)).toEqual(expected));

  test.each([
    "",
    ",",
    ";",
    "a;",
    "a; =1",
    "a; b=",
    'a; b="',
    'a; b="c d"',
    'a; b=""',
    'a; b="c"d',
    "a b",
    "a; b c",
    '"a"',
    "ä",
  ])("not %j", (header) => expect(parseExtensions(header)).toBe(undefined));

  test("a long header is read in time that grows with it", () => {
    expect(parseExtensions(`a; b="${"\\,;".repeat(50_000)}`)).toBe(undefined);
    expect(parseExtensions("a;b,".repeat(20_000))?.length).toBe(20_000);
  });
});

describe("what is agreed on about compression (RFC 7692, 7.1)", () => {
  const answer = (offer: string, options: DeflateOptions = {}): string | undefined =>
    acceptDeflate(parseExtensions(offer)!, options)?.header;
  const name = "permessage-deflate";

  test.each([
    [name, {}, name],
    [`${name}; client_max_window_bits`, {}, name],
    [`${name}; client_max_window_bits=10`, {}, `${name}; client_max_window_bits=10`],
    [`${name}; server_max_window_bits=10`, {}, `${name}; server_max_window_bits=10`],
    [`${name}; server_max_window_bits=15`, {}, `${name}; server_max_window_bits=15`],
    [`${name}; server_no_context_takeover`, {}, `${name}; server_no_context_takeover`],
    [`${name}; client_no_context_takeover`, {}, `${name}; client_no_context_takeover`],
    [
      name,
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      `${name}; server_no_context_takeover; client_no_context_takeover`,
    ],
    [name, { serverMaxWindowBits: 11, clientMaxWindowBits: 12 }, `${name}; server_max_window_bits=11`],
    [`${name}; client_max_window_bits`, { clientMaxWindowBits: 12 }, `${name}; client_max_window_bits=12`],
    [
      `${name}; client_max_window_bits=10; server_max_window_bits=9`,
      { clientMaxWindowBits: 12, serverMaxWindowBits: 12 },
      `${name}; server_max_window_bits=9; client_max_window_bits=10`,
    ],
    [`${name}; client_max_window_bits=8`, {}, `${name}; client_max_window_bits=8`],
    ["x, y; z", {}, undefined],
    [`${name}; unknown`, {}, undefined],
    [`${name}; server_max_window_bits`, {}, undefined],
    [`${name}; server_max_window_bits=16`, {}, undefined],
    [`${name}; server_max_window_bits=7`, {}, undefined],
    [`${name}; server_max_window_bits=08`, {}, undefined],
    [`${name}; server_max_window_bits=8`, {}, undefined],
    [`${name}; server_no_context_takeover=1`, {}, undefined],
    [`${name}; client_max_window_bits; client_max_window_bits`, {}, undefined],
    // The first one that can be kept to.
    [
      `${name}; server_max_window_bits=8, ${name}; server_max_window_bits=9, ${name}`,
      {},
      `${name}; server_max_window_bits=9`,
    ],
  ])("an offer of %s is answered", (offer, options, expected) => expect(answer(offer, options)).toBe(expected));

  test("both sides come to the same, seen from both ends", () => {
    const bits = fc.option(fc.integer({ min: 9, max: 15 }), { nil: undefined });
    const options = fc.record({
      serverMaxWindowBits: bits,
      clientMaxWindowBits: bits,
      serverNoContextTakeover: fc.boolean(),
      clientNoContextTakeover: fc.boolean(),
    });
    fc.assert(
      fc.property(options, options, (client, server) => {
        const agreed = acceptDeflate(parseExtensions(offerDeflate(client))!, server)!;
        const seen = checkDeflate(parseExtensions(agreed.header)!, client);
        if (typeof seen === "string") throw new Error(`${seen}: ${offerDeflate(client)} was answered ${agreed.header}`);
        const { agreement } = agreed;
        // Nobody looks back further than the other one can.
        expect(agreement.sendBits).toBeLessThanOrEqual(seen.receiveBits);
        expect(seen.sendBits).toBeLessThanOrEqual(agreement.receiveBits);
        if (agreement.sendTakeover) expect(seen.receiveTakeover).toBe(true);
        if (seen.sendTakeover) expect(agreement.receiveTakeover).toBe(true);
      }),
    );
  });

  test.each([
    [`${name}; client_max_window_bits=11`, { clientMaxWindowBits: 10 }],
    [name, { serverMaxWindowBits: 10 }],
    [`${name}; server_max_window_bits=11`, { serverMaxWindowBits: 10 }],
    [name, { serverNoContextTakeover: true }],
    [`${name}; client_max_window_bits`, {}],
  ])("the answer %s is refused by a client that wants otherwise", (header, options) =>
    expect(typeof checkDeflate(parseExtensions(header)!, options)).toBe("string"),
  );

  test("a client that is to look back 256 bytes, which zlib cannot, sends all as it is", () =>
    expect(checkDeflate(parseExtensions(`${name}; client_max_window_bits=8`)!, {})).toMatchObject({ sendBits: 0 }));
});
