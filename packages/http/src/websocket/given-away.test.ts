/** A connection that has become a WebSocket may last for days: what only requests need must be gone by then. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { group, run, sleep, use } from "rondo";
import { memoryPair } from "rondo/net";
import { expect, test } from "vitest";
import { inWorld, webServer } from "../../tests/fetching.ts";
import type { HttpRequest } from "../request.ts";
import { serveStream } from "../server.ts";
import { connectWebSocket } from "./connect.ts";
import { upgrade } from "./upgrade.ts";
import { WebSocket } from "./socket.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const HANDSHAKE =
  "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

test("a socket keeps neither its request nor what read it", () =>
  run(() =>
    group(function* (g) {
      const [client, server] = memoryPair();
      let request: WeakRef<HttpRequest> | undefined;
      let head: WeakRef<object> | undefined;
      function* echo(socket: WebSocket): Generator<any, void, any> {
        for (let m = yield* socket.receive(); m !== undefined; m = yield* socket.receive()) yield* socket.send(m);
      }
      g.spawn(
        serveStream(server, (asked) => {
          request = new WeakRef(asked);
          head = new WeakRef(asked.head);
          return upgrade(asked, echo);
        }),
      );
      yield* client.write(HANDSHAKE);
      yield* client.readUntil("\r\n\r\n");
      const socket = new WebSocket(client, { role: "client" });
      yield* socket.send("still there");
      expect(yield* socket.receive()).toBe("still there");
      // What a WeakRef was made for is kept until the host has had its turn.
      yield* sleep(1);
      collect();
      expect(request?.deref()).toBeUndefined();
      expect(head?.deref()).toBeUndefined();
      yield* socket.send("as before");
      expect(yield* socket.receive()).toBe("as before");
      yield* socket.close();
    }),
  ));

test("what a handler has opened for its socket is there as long as the socket, and no longer", () => {
  const log: string[] = [];
  inWorld(function* (world) {
    webServer(world, "server", function* (request) {
      use({ [Symbol.dispose]: () => log.push("given back") });
      return upgrade(request, function* (socket) {
        yield* socket.receive();
        log.push("used");
        yield* socket.send("done");
      });
    });
    const socket = yield* connectWebSocket("ws://server/", { proxy: null });
    yield* sleep(1000);
    yield* socket.send("go on");
    expect(yield* socket.receive()).toBe("done");
    yield* socket.close();
    expect(log).toEqual(["used", "given back"]);
  });
});
