/**
 * The ground that the Autobahn test suite covers, on whole sockets: a peer sends these bytes, and what our side says is
 * compared with what it has to say. Numbers in brackets are those of the suite's cases. Each is sent whole and, where it is
 * short, byte by byte; each is run as a server, masked, and as a client.
 */
import { type Coroutine, group, run, VirtualHost } from "rondo";
import { type ByteStream, memoryPair } from "rondo/net";
import { describe, expect, test } from "vitest";
import { closeFrame, frame, nextFrame } from "../../tests/sockets.ts";
import { WebSocket } from "./socket.ts";

const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10];
const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (two) => parseInt(two, 16));

type Role = "server" | "client";
type Peer = (masked: boolean) => readonly Uint8Array[];

/** What a socket that echoes says to these chunks, until it ends its side. */
function answers(role: Role, chunks: readonly Uint8Array[]): Promise<string[]> {
  return run(
    () =>
      group(function* (g): Coroutine<string[]> {
        const [peer, own] = memoryPair();
        const socket = new WebSocket(own, {
          role,
          random: (bytes) => void bytes.fill(0),
          closeTimeout: 1000,
          maxMessage: 70_000,
        });
        g.spawn(function* () {
          try {
            for (;;) {
              const message = yield* socket.receive();
              if (message === undefined) return;
              yield* socket.send(message);
            }
          } catch {
            // what went wrong is seen from the other side
          }
        });
        g.spawn(function* () {
          try {
            for (const chunk of chunks) yield* peer.write(chunk);
            // A client waits for the server to end the connection.
            if (role === "client") yield* peer.end();
          } catch {
            // it has hung up
          }
        });
        const said: string[] = [];
        for (;;) {
          const one = yield* role === "server" ? nextFrame(peer) : nextMasked(peer);
          if (one === undefined) break;
          said.push(one.length > 60 ? `${one.slice(0, 20)}… ${one.length}` : one);
        }
        peer.abort();
        return said;
      }),
    { host: new VirtualHost() },
  );
}

/** As `nextFrame`, for a client whose mask is zero. */
function* nextMasked(stream: ByteStream): Coroutine<string | undefined> {
  const head = yield* stream.readExactly(2);
  if (head === undefined) return undefined;
  expect(head[1]! & 128).toBe(128);
  const more = (head[1]! & 127) === 126 ? 2 : (head[1]! & 127) === 127 ? 8 : 0;
  const length = more === 0 ? new Uint8Array(0) : (yield* stream.readExactly(more))!;
  expect([...(yield* stream.readExactly(4))!]).toEqual([0, 0, 0, 0]);
  stream.unread(Uint8Array.of(head[0]!, head[1]! & 127, ...length));
  return yield* nextFrame(stream);
}

/** The same from both roles, whole and in bytes. */
async function check(peer: Peer, expected: readonly string[]): Promise<void> {
  for (const role of ["server", "client"] as const) {
    const chunks = peer(role === "server");
    const whole = Buffer.concat(chunks as Uint8Array[]);
    expect(await answers(role, [whole]), `${role}, whole`).toEqual(expected);
    if (chunks.length > 1) expect(await answers(role, chunks), `${role}, in chunks`).toEqual(expected);
    if (whole.length < 600) {
      const bytes = Array.from(whole, (_, i) => whole.subarray(i, i + 1));
      expect(await answers(role, bytes), `${role}, byte by byte`).toEqual(expected);
    }
  }
}

const framed =
  (opcode: number, payload: string | Uint8Array = "", fin = true) =>
  (masked: boolean) =>
    frame(opcode, payload, { fin, masked });
const closed =
  (code: number, reason = "") =>
  (masked: boolean) =>
    closeFrame(code, reason, masked);
/** These frames, and a Close at the end. */
const then =
  (...frames: readonly ((masked: boolean) => Uint8Array)[]): Peer =>
  (masked) =>
    [...frames, closed(1000)].map((make) => make(masked));
const only =
  (...frames: readonly ((masked: boolean) => Uint8Array)[]): Peer =>
  (masked) =>
    frames.map((make) => make(masked));
/** A frame whose first byte is this one. */
const odd =
  (byte0: number, payload = "") =>
  (masked: boolean) => {
    const bytes = frame(TEXT, payload, { masked });
    bytes[0] = byte0;
    return bytes;
  };
const BYE = "8: 1000 ";

describe("framing (1)", () => {
  test.each([0, 125, 126, 127, 128, 65_535, 65_536])(
    "a text and a binary message of %i bytes come back (1.1, 1.2)",
    async (size) => {
      for (const opcode of [TEXT, BINARY]) {
        const line = `${opcode}: ${"*".repeat(size)}`;
        // Long ones are not compared here but where they are read; `nextFrame` knows lengths of two bytes.
        if (size < 65_536)
          await check(then(framed(opcode, "*".repeat(size))), [
            line.length > 60 ? `${line.slice(0, 20)}… ${line.length}` : line,
            BYE,
          ]);
      }
    },
  );
});

describe("pings and pongs (2)", () => {
  test.each([
    ["an empty Ping (2.1)", then(framed(PING)), ["10: ", BYE]],
    ["a Ping with a payload (2.2)", then(framed(PING, "Hello, world!")), ["10: Hello, world!", BYE]],
    [
      "a Ping with bytes that are no text (2.3)",
      then(framed(PING, hex("00 ff fe fd"))),
      [`10: ${Buffer.from(hex("00 ff fe fd")).toString()}`, BYE],
    ],
    ["a Ping of 125 bytes (2.4)", then(framed(PING, "*".repeat(125))), [`10: ${"*".repeat(16)}… 129`, BYE]],
    ["a Ping of 126 bytes (2.5)", only(framed(PING, "*".repeat(126))), ["8: 1002 RFC 6455, 5.5"]],
    ["a Pong that nobody asked for (2.7, 2.8)", then(framed(PONG), framed(PONG, "unasked")), [BYE]],
    ["a Pong and then a Ping (2.9)", then(framed(PONG, "unasked"), framed(PING, "asked")), ["10: asked", BYE]],
    [
      "ten Pings in a row (2.10)",
      then(...Array.from({ length: 10 }, (_, i) => framed(PING, `${i}`))),
      [...Array.from({ length: 10 }, (_, i) => `10: ${i}`), BYE],
    ],
  ])("%s", (_name, peer, expected) => check(peer, expected));
});

describe("reserved bits (3)", () => {
  test.each([0x91, 0xa1, 0xb1, 0xc1, 0xd1, 0xe1, 0xf1, 0xc9, 0xa8, 0x9a])("a first byte of 0x%s ends it", (byte0) =>
    check(only(framed(TEXT, "before"), odd(byte0), framed(TEXT, "after")), ["1: before", "8: 1002 RFC 6455, 5.2"]),
  );
});

describe("opcodes (4)", () => {
  test.each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])("%i is reserved", (opcode) =>
    check(only(framed(TEXT, "before"), framed(opcode), framed(PING)), ["1: before", "8: 1002 RFC 6455, 5.2"]),
  );
});

describe("fragmentation (5)", () => {
  const [start, middle, last] = [
    framed(TEXT, "fragment1", false),
    framed(0, "fragment2", false),
    framed(0, "fragment3"),
  ];
  test.each([
    ["a Ping in two fragments (5.1)", only(framed(PING, "a", false), framed(0, "b")), ["8: 1002 RFC 6455, 5.5"]],
    ["a Pong in two fragments (5.2)", only(framed(PONG, "a", false), framed(0, "b")), ["8: 1002 RFC 6455, 5.5"]],
    ["text in fragments (5.3 to 5.5)", then(start, middle, last), ["1: fragment1fragment2fragment3", BYE]],
    [
      "with a Ping in between (5.6 to 5.8)",
      then(start, framed(PING, "p"), last),
      ["10: p", "1: fragment1fragment3", BYE],
    ],
    [
      "a continuation that ends, of nothing (5.9 to 5.11)",
      only(framed(0, "x"), framed(TEXT, "y")),
      ["8: 1002 RFC 6455, 5.4"],
    ],
    [
      "a continuation that goes on, of nothing (5.12 to 5.14)",
      only(framed(0, "x", false), framed(TEXT, "y")),
      ["8: 1002 RFC 6455, 5.4"],
    ],
    [
      "a continuation behind a message (5.15)",
      only(start, last, framed(0, "x", false)),
      ["1: fragment1fragment3", "8: 1002 RFC 6455, 5.4"],
    ],
    ["text behind text that has not ended (5.18)", only(start, framed(TEXT, "x")), ["8: 1002 RFC 6455, 5.4"]],
    [
      "five fragments, with Pings in between (5.19, 5.20)",
      then(start, middle, framed(PING, "1"), middle, middle, framed(PING, "2"), last),
      ["10: 1", "10: 2", `1: ${"fragment1fragment2fragment2fragment2fragment3".slice(0, 50)}`, BYE],
    ],
  ])("%s", (_name, peer, expected) => check(peer, expected));
});

describe("UTF-8 (6)", () => {
  const kosme = "κόσμε";
  test.each([
    [
      "empty text, in empty fragments (6.1)",
      then(framed(TEXT), framed(TEXT, "", false), framed(0, "", false), framed(0)),
      ["1: ", "1: ", BYE],
    ],
    [
      "an empty fragment around a full one (6.1.3)",
      then(framed(TEXT, "", false), framed(0, "middle", false), framed(0)),
      ["1: middle", BYE],
    ],
    [
      "text in fragments of one byte (6.2)",
      then(
        ...[...Buffer.from(kosme)].map((byte, i, all) =>
          framed(i === 0 ? TEXT : 0, Uint8Array.of(byte), i === all.length - 1),
        ),
      ),
      [`1: ${kosme}`, BYE],
    ],
    [
      "a surrogate, in one frame (6.3.1)",
      only(framed(TEXT, Buffer.concat([Buffer.from(kosme), hex("ed a0 80 65 64")]))),
      ["8: 1007 RFC 6455, 8.1"],
    ],
    [
      "beyond the last character, before its frame has come (6.4)",
      only((masked) =>
        frame(TEXT, Buffer.concat([Buffer.from(kosme), hex("f4 90 80 80 65 64")]), { masked }).subarray(
          0,
          (masked ? 6 : 2) + 13,
        ),
      ),
      ["8: 1007 RFC 6455, 8.1"],
    ],
  ])("%s", (_name, peer, expected) => check(peer, expected));

  // Kuhn's table of what there is, and what there is not.
  test.each([
    "c280",
    "e0a080",
    "f0908080",
    "7f",
    "dfbf",
    "efbfbf",
    "f48fbfbf",
    "ed9fbf",
    "ee8080",
    "efbfbd",
    "f0928080",
    "efbfbe",
    "efbfbf",
    "f09fbfbe",
    "f48fbfbe",
  ])("%s is text (6.5, 6.7, 6.9, 6.11, 6.22, 6.23)", (bytes) =>
    check(then(framed(TEXT, hex(bytes))), [`1: ${Buffer.from(hex(bytes)).toString()}`, BYE]),
  );
  test.each([
    "f8888080 80",
    "fc84 8080 8080",
    "f7bfbfbf",
    "fbbfbfbfbf",
    "fdbfbfbfbfbf",
    "f4908080",
    "80",
    "bf",
    "80bf",
    "80bf80bf80bf",
    "c0",
    "c020c120",
    "e020e120",
    "f020f120",
    "f820",
    "fc20",
    "c0af",
    "e080af",
    "f08080af",
    "f8808080af",
    "fc80808080af",
    "c1bf",
    "e09fbf",
    "f08fbfbf",
    "c080",
    "e08080",
    "f0808080",
    "eda080",
    "edadbf",
    "edb080",
    "edbfbf",
    "eda080edb080",
    "edafbfedbfbf",
    "fe",
    "ff",
    "fefeffff",
    "ce",
    "cebae1bdb9cf83cebcceb5eda080",
    "cebae1bdb9cf",
  ])("%s is none (6.6, 6.8, 6.10, 6.12 to 6.21)", (bytes) =>
    check(only(framed(TEXT, hex(bytes))), ["8: 1007 RFC 6455, 8.1"]),
  );
});

describe("closing (7)", () => {
  test.each([
    ["at once (7.1.1)", only(framed(TEXT, "Hello"), closed(1000)), ["1: Hello", BYE]],
    ["twice (7.1.2)", only(closed(1000), closed(1000)), [BYE]],
    ["with a Ping behind it (7.1.3)", only(closed(1000), framed(PING)), [BYE]],
    ["with text behind it (7.1.4)", only(closed(1000), framed(TEXT, "x")), [BYE]],
    [
      "in the middle of a message (7.1.5)",
      only(framed(TEXT, "fragment1", false), closed(1000), framed(0, "fragment2")),
      [BYE],
    ],
    ["without a code (7.3.1)", only(framed(CLOSE)), ["8:  "]],
    ["with one byte (7.3.2)", only(framed(CLOSE, "a")), ["8: 1002 RFC 6455, 5.5.1"]],
    ["with a code (7.3.3)", only(closed(1000)), [BYE]],
    ["with a reason (7.3.4)", only(closed(1000, "Hello World!")), ["8: 1000 Hello World!"]],
    ["with a reason of 123 bytes (7.3.5)", only(closed(1000, "*".repeat(123))), [`8: 1000 ${"*".repeat(12)}… 131`]],
    [
      "with a reason of 124 bytes (7.3.6)",
      only(framed(CLOSE, Buffer.concat([hex("03e8"), Buffer.alloc(124, 42)]))),
      ["8: 1002 RFC 6455, 5.5"],
    ],
    [
      "with a reason that is no text (7.5.1)",
      only(framed(CLOSE, Buffer.concat([hex("03e8"), Buffer.from("κόσμε"), hex("eda080")]))),
      ["8: 1007 RFC 6455, 5.5.1"],
    ],
  ])("%s", (_name, peer, expected) => check(peer, expected));

  test.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])(
    "with %i, which may be (7.7)",
    (code) => check(only(closed(code)), [`8: ${code} `]),
  );
  test.each([0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])(
    "with %i, which may not (7.9, 7.13)",
    (code) => check(only(closed(code)), ["8: 1002 RFC 6455, 7.4"]),
  );
});

describe("limits and large messages (9)", () => {
  test("60 KiB in one frame, in 64, and in frames of one byte, in chunks of every size", async () => {
    const text = "*".repeat(60 * 1024);
    const expected = [`1: ${"*".repeat(17)}… ${text.length + 3}`, BYE];
    for (const size of [text.length, 1024, 1]) {
      const count = size === 1 ? 300 : text.length / size;
      const used = text.slice(0, count * size);
      const line = `1: ${used}`;
      const frames = Array.from({ length: count }, (_, i) =>
        framed(i === 0 ? TEXT : 0, used.slice(i * size, (i + 1) * size), i === count - 1),
      );
      await check(then(...frames), size === 1 ? [`${line.slice(0, 20)}… ${line.length}`, BYE] : expected);
    }
    for (const chop of [7, 64, 997, 16_384])
      for (const role of ["server", "client"] as const) {
        const whole = Buffer.concat(then(framed(TEXT, text))(role === "server") as Uint8Array[]);
        const chunks = Array.from({ length: Math.ceil(whole.length / chop) }, (_, i) =>
          whole.subarray(i * chop, (i + 1) * chop),
        );
        expect(await answers(role, chunks)).toEqual(expected);
      }
  });

  test("one byte more than is taken, announced or added up", async () => {
    await check(only(framed(BINARY, new Uint8Array(70_001))), ["8: 1009 RFC 6455, 10.4"]);
    await check(only(framed(BINARY, new Uint8Array(70_000), false), framed(0, "x")), ["8: 1009 RFC 6455, 10.4"]);
  });
});
