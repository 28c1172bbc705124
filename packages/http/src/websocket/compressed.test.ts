/**
 * Sockets that compress, and messages to many: what the sender has to keep in order.
 */
import fc from "fast-check";
import { checkpoint, type Coroutine, group, moveOnAfter, run, sleep, VirtualHost } from "rondo";
import { memoryPair } from "rondo/net";
import { describe, expect, test } from "vitest";
import { bareClient, inGroup, nextFrame, onManySchedules, random, sockets, thrownBy } from "../../tests/sockets.ts";
import { broadcast } from "./broadcast.ts";
import { acceptDeflate, checkDeflate, type DeflateOptions, offerDeflate, parseExtensions } from "./extensions.ts";
import { nodeDeflate } from "./node-deflate.ts";
import { WebSocket, type WebSocketOptions } from "./socket.ts";

/** A client and a server that have agreed on compression, as a handshake would. */
function compressing(
  client: DeflateOptions,
  server: DeflateOptions = {},
  options: WebSocketOptions & { readonly window?: number } = {},
): [WebSocket, WebSocket] {
  const agreed = acceptDeflate(parseExtensions(offerDeflate(client))!, server)!;
  const seen = checkDeflate(parseExtensions(agreed.header)!, client);
  if (typeof seen === "string") throw new Error(seen);
  const [one, other] = memoryPair({ window: options.window });
  const service = nodeDeflate();
  const common = { random, heartbeat: false, service, ...options } as const;
  return [
    new WebSocket(one, { ...common, role: "client", deflate: { ...seen, threshold: client.threshold ?? 0 } }),
    new WebSocket(other, {
      ...common,
      role: "server",
      deflate: { ...agreed.agreement, threshold: server.threshold ?? 0 },
    }),
  ];
}

const end = (...all: WebSocket[]): void => {
  for (const socket of all) socket.abort();
};

/** Text that can be compressed well only by those who remember the last one. */
const story = (n: number): string =>
  `${n}: ${Array.from({ length: 200 }, (_, i) => String.fromCharCode(33 + ((i * i * 31) % 90))).join("")}`;

describe("compression", () => {
  test.each([
    ["with a memory", {}, {}],
    ["each message anew", { clientNoContextTakeover: true, serverNoContextTakeover: true }, {}],
    ["with a short memory", { clientMaxWindowBits: 9, serverMaxWindowBits: 9 }, {}],
    ["the two sides unlike each other", { clientNoContextTakeover: true }, { serverMaxWindowBits: 10, level: 9 }],
    ["hardly", {}, { memLevel: 1, level: 1 }],
  ] as const)("messages of many sorts come as they were sent: %s", (_name, client, server) =>
    inGroup(function* (g) {
      const [one, other] = compressing(client, server);
      const messages: (string | Uint8Array)[] = [
        "",
        "x",
        "ä".repeat(500),
        new Uint8Array(100_000),
        ...[1, 2, 3, 4].map(story),
      ];
      messages.push(Uint8Array.from({ length: 200_000 }, (_, i) => (i * i * 7919) >>> 11));
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const) {
        const sending = g.spawn(function* () {
          for (const message of messages) yield* from.send(message);
        });
        for (const message of messages) {
          const got = (yield* to.receive())!;
          expect(typeof got).toBe(typeof message);
          expect(Buffer.compare(Buffer.from(got as Uint8Array), Buffer.from(message as Uint8Array))).toBe(0);
        }
        yield* sending;
      }
      end(one, other);
    }),
  );

  test("a memory makes the second message small; short ones, below the threshold, go as they are", () =>
    inGroup(function* () {
      const [client, server] = compressing({}, { threshold: 100 });
      const sizes: number[] = [];
      for (const message of [story(1), story(2), "short"]) {
        const before = server.stream.bytesWritten;
        yield* server.send(message);
        sizes.push(server.stream.bytesWritten - before);
        expect(yield* client.receive()).toBe(message);
      }
      expect(sizes[1]).toBeLessThan((sizes[0] as number) / 3);
      expect(sizes[2]).toBe(7);
      end(client, server);
    }));

  test("several senders do not mix their messages up, also through a narrow window", () =>
    onManySchedules(function* () {
      const [client, server] = compressing({}, {}, { window: 40 });
      const got: unknown[] = [];
      yield* group(function* (g) {
        for (let i = 0; i < 6; i++) g.spawn(() => client.send(story(i)));
        for (let i = 0; i < 6; i++) got.push(yield* server.receive());
      });
      expect(got.toSorted()).toEqual([0, 1, 2, 3, 4, 5].map(story));
      end(client, server);
    }));

  test("a send that is cancelled before it left spoils nothing for those after it", () =>
    onManySchedules(function* () {
      const [client, server] = compressing({}, {}, { window: 100 });
      const got: unknown[] = [];
      yield* group(function* (g) {
        // A Ping is in the way, so that what is compressed has to wait in line.
        const blocked = g.spawn(() =>
          client.stream.write(new Uint8Array([0x82, 0xfe, 0x0f, 0xff, 0, 0, 0, 0, ...new Uint8Array(4095)])),
        );
        yield* sleep(1);
        const victims = [1, 2, 3].map((n) => g.spawn(() => client.send(story(n))));
        yield* sleep(1);
        victims[0]!.cancel();
        victims[2]!.cancel();
        yield* sleep(1);
        for (let i = 0; i < 2; i++) got.push(yield* server.receive());
        yield* blocked;
        yield* client.send(story(4));
        got.push(yield* server.receive());
      });
      expect((got[0] as Uint8Array).length).toBe(4095);
      expect(got.slice(1)).toEqual([story(2), story(4)]);
      end(client, server);
    }));

  test("trySend compresses too, and where there is no room the peer's memory stays as it was", () =>
    inGroup(function* () {
      const [client, server] = compressing({}, {}, { window: 150 });
      expect(server.trySend(story(1))).toBe(true);
      let refused = 0;
      for (let i = 2; i < 10; i++) if (!server.trySend(story(i))) refused++;
      expect(refused).toBeGreaterThan(0);
      expect(yield* client.receive()).toBe(story(1));
      for (let i = refused; i < 8; i++) yield* client.receive();
      yield* server.send(story(100));
      expect(yield* client.receive()).toBe(story(100));
      end(client, server);
    }));

  test("messages in parts are compressed part by part, and come when they are sent", () =>
    inGroup(function* (g) {
      const [client, server] = compressing({});
      const sizes: number[] = [];
      g.spawn(() =>
        client.sendStream(
          (function* () {
            for (let i = 0; i < 5; i++) yield story(i);
            yield "";
          })(),
        ),
      );
      const message = (yield* server.receiveStream())!;
      let text = "";
      for (let part = yield* message.read(); part !== undefined; part = yield* message.read()) {
        text += part;
        sizes.push(part.length);
      }
      expect(text).toBe([0, 1, 2, 3, 4].map(story).join(""));
      yield* client.send("after");
      expect(yield* server.receive()).toBe("after");
      end(client, server);
    }));

  test("a large message lets the others run while it is compressed", () =>
    inGroup(function* (g) {
      const [client, server] = compressing({}, {}, { maxMessage: 10_000_000 });
      let turns = 0;
      let done = false;
      g.spawn(function* () {
        while (!done) {
          turns++;
          yield* checkpoint();
        }
      });
      const receiver = g.spawn(() => server.receive());
      yield* client.send(new Uint8Array(2_000_000));
      done = true;
      expect(turns).toBeGreaterThan(20);
      expect((yield* receiver)?.length).toBe(2_000_000);
      end(client, server);
    }));
});

test("whatever two sockets agree on, whatever they say to each other, through whatever window, arrives", async () => {
  const bits = fc.option(fc.integer({ min: 9, max: 15 }), { nil: undefined });
  const wishes = fc.record({
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
    serverNoContextTakeover: fc.boolean(),
    clientNoContextTakeover: fc.boolean(),
    threshold: fc.constantFrom(0, 20, 10_000),
  });
  const message = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 100 }),
    fc.uint8Array({ maxLength: 400 }),
    fc.tuple(fc.string({ maxLength: 10 }), fc.nat(300)).map(([text, n]) => text.repeat(n)),
  );
  await fc.assert(
    fc.asyncProperty(
      wishes,
      wishes,
      fc.array(message, { maxLength: 5 }),
      fc.array(message, { maxLength: 5 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.nat(),
      (ours, theirs, up, down, window, seed) =>
        run(
          () =>
            group(function* (g): Coroutine<void> {
              const [client, server] = compressing(ours, theirs, { window });
              const talk = (socket: WebSocket, messages: readonly (string | Uint8Array)[]) =>
                g.spawn(function* () {
                  for (const one of messages) yield* socket.send(one);
                });
              const hear = function* (socket: WebSocket, messages: readonly (string | Uint8Array)[]): Coroutine<void> {
                for (const one of messages) {
                  const got = yield* socket.receive();
                  if (typeof one === "string") expect(got).toBe(one.toWellFormed());
                  else expect(Buffer.compare(got as Uint8Array, one)).toBe(0);
                }
              };
              const tasks = [
                talk(client, up),
                talk(server, down),
                g.spawn(hear(client, down)),
                g.spawn(hear(server, up)),
              ];
              for (const task of tasks) yield* task;
              end(client, server);
            }),
          { host: new VirtualHost({ seed }) },
        ),
    ),
    { numRuns: 60 },
  );
});

describe("broadcast", () => {
  test("hands the same message to all that are open, and names those that have no room", () =>
    inGroup(function* () {
      const pairs = [1, 2, 3, 4].map(() => sockets({ heartbeat: false }, 50));
      const servers = pairs.map(([, server]) => server);
      servers[3]!.abort();
      // The second one has something that its peer does not read.
      expect(servers[1]!.trySend("x".repeat(100))).toBe(true);
      const { sent, slow } = broadcast(servers, "news");
      expect(sent).toBe(2);
      expect(slow).toEqual([servers[1]]);
      for (const i of [0, 2]) expect(yield* pairs[i]![0].receive()).toBe("news");
      expect(servers[0]!.statistics().messagesSent).toBe(1);
      expect(yield* pairs[1]![0].receive()).toBe("x".repeat(100));
      expect(broadcast([servers[1]!], new Uint8Array(3)).sent).toBe(1);
      expect(yield* pairs[1]![0].receive()).toEqual(new Uint8Array(3));
      end(...pairs.flat());
    }));

  test("writes the very same bytes to servers' sockets, and a client's own to each client", () =>
    inGroup(function* () {
      const [client, server] = bareClient({ heartbeat: false });
      const [one, other] = sockets({ heartbeat: false });
      expect(broadcast([server, one], "both").sent).toBe(2);
      expect(yield* nextFrame(client)).toBe("1: both");
      expect(yield* other.receive()).toBe("both");
      client.abort();
      end(server, one, other);
    }));

  test("leaves those alone that are in the middle of a message in parts", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false }, 30);
      const sending = g.spawn(() => server.sendStream(["x".repeat(100), "y"]));
      yield* sleep(1);
      expect(broadcast([server], "news").slow).toEqual([server]);
      expect(yield* client.receive()).toBe(`${"x".repeat(100)}y`);
      yield* sending;
      expect(broadcast([server], "news").sent).toBe(1);
      end(client, server);
    }));

  test("a socket whose peer has gone is not slow, and nothing is thrown", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false });
      const receiver = g.spawn(() => thrownBy(() => server.receive()));
      yield* moveOnAfter(1, () => sleep(5));
      client.abort();
      broadcast([server], "into the void");
      expect(yield* receiver).toMatchObject({ code: 1006 });
      expect(broadcast([server], "again")).toEqual({ sent: 0, slow: [] });
      expect(() => broadcast([], 1 as never)).toThrow(TypeError);
    }));
});
