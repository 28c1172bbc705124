/** The way to a WebSocket: where a server leads elsewhere, and where a proxy stands between. */
import { type Coroutine, group, use } from "rondo";
import { connect, copy, listen, serve } from "rondo/net";
import { simCertificate, type World } from "rondo/sim";
import { describe, expect, test } from "vitest";
import { inWorld, thrown, webServer } from "../../tests/fetching.ts";
import { type HttpRequest, HttpError, redirect, serve as serveHttp, text } from "../index.ts";
import { connectWebSocket, type ConnectWebSocketOptions } from "./connect.ts";
import { WebSocketHandshakeError } from "./errors.ts";
import type { WebSocket } from "./socket.ts";
import { upgrade } from "./upgrade.ts";

const own = simCertificate(["secret.example"]);

/** Says what it was asked with, and ends. */
function say(request: HttpRequest) {
  const { headers } = request;
  const told = [request.target, headers.get("authorization"), headers.get("cookie"), headers.get("x-own")];
  return upgrade(request, function* (socket: WebSocket) {
    yield* socket.send(JSON.stringify(told));
  });
}

function* hear(url: string, options: ConnectWebSocketOptions = {}): Coroutine<unknown> {
  // Whatever the environment of the tests says.
  const socket = yield* connectWebSocket(url, { proxy: null, ...options });
  const heard = yield* socket.receive();
  yield* socket.close();
  return JSON.parse(heard as string);
}

const HEADERS = { Authorization: "secret", Cookie: "a=b", "X-Own": "mine" };

describe("a server that leads elsewhere", () => {
  test("is not followed, where nothing is said", () => {
    inWorld(function* (world) {
      webServer(world, "a", () => redirect("ws://b/"));
      const error = (yield* thrown(hear("ws://a/"))) as WebSocketHandshakeError;
      expect(error).toBeInstanceOf(WebSocketHandshakeError);
      expect(error.status).toBe(302);
    });
  });

  test("gets the same fields again on its own origin, and another one gets no credentials", () => {
    inWorld(function* (world) {
      webServer(world, "a", (request) => {
        if (request.path === "/here") return redirect("/there?x=1");
        if (request.path === "/away") return redirect("http://b/from-a");
        return say(request);
      });
      webServer(world, "b", (request) => (request.path === "/back" ? redirect("ws://a/again") : say(request)));
      const options = { headers: HEADERS, maxRedirects: 2 };
      expect(yield* hear("ws://a/here", options)).toEqual(["/there?x=1", "secret", "a=b", "mine"]);
      expect(yield* hear("ws://a/away", options)).toEqual(["/from-a", null, null, "mine"]);
      // What was dropped once does not come back.
      expect(yield* hear("ws://b/back", options)).toEqual(["/again", null, null, "mine"]);
      expect(yield* hear("ws://me:word@a/away", options)).toEqual(["/from-a", null, null, "mine"]);
    });
  });

  test("is followed so often and no more, and not to what is no WebSocket", () => {
    inWorld(function* (world) {
      let asked = 0;
      webServer(world, "a", (request) => {
        asked++;
        return redirect(request.path === "/mail" ? "mailto:me@example.org" : "/round");
      });
      const late = yield* thrown(hear("ws://a/round", { maxRedirects: 3 }));
      expect(late).toMatchObject({ name: "WebSocketHandshakeError", status: 302 });
      expect(asked).toBe(4);
      const wrong = yield* thrown(hear("ws://a/mail", { maxRedirects: 3 }));
      expect(wrong).toMatchObject({ name: "WebSocketHandshakeError", status: 302 });
      expect(String(wrong)).toContain("ws://a leads to");
    });
  });
});

/** A proxy that makes tunnels, and keeps what it was asked. */
function tunnels(world: World, heads: string[], to: { host: string; port: number }): void {
  world.node("proxy", function* () {
    const listener = yield* listen({ port: 80 });
    yield* serve(listener, function* (stream) {
      heads.push(new TextDecoder().decode((yield* stream.readUntil("\r\n\r\n")) ?? new Uint8Array()));
      const far = use(yield* connect(to));
      yield* stream.write("HTTP/1.1 200 Connection established\r\n\r\n");
      yield* group(function* (g) {
        g.spawn(copy(stream, far));
        yield* copy(far, stream);
      });
    });
  });
}

describe("a proxy", () => {
  test("makes a tunnel also for what is spoken in the clear", () => {
    const heads: string[] = [];
    inWorld(function* (world) {
      webServer(world, "far", say);
      tunnels(world, heads, { host: "far", port: 80 });
      const proxy = "http://me:secret@proxy";
      expect(yield* hear("ws://far/x", { proxy })).toEqual(["/x", null, null, null]);
      expect(heads).toEqual([
        `CONNECT far:80 HTTP/1.1\r\nHost: far:80\r\nProxy-Authorization: Basic ${btoa("me:secret")}\r\n\r\n`,
      ]);
      expect(yield* hear("ws://far/y", { proxy: null })).toEqual(["/y", null, null, null]);
      expect(heads.length).toBe(1);
    });
  });

  test("sees nothing of what is spoken by TLS", () => {
    const heads: string[] = [];
    inWorld(function* (world) {
      world.node("secret.example", function* () {
        const server = yield* serveHttp({ port: 443, tls: own, handler: say });
        yield* server.ended();
      });
      tunnels(world, heads, { host: "secret.example", port: 443 });
      const options = { proxy: "http://proxy", tls: { ca: own.ca } };
      expect(yield* hear("wss://secret.example/z", options)).toEqual(["/z", null, null, null]);
      expect(heads).toEqual(["CONNECT secret.example:443 HTTP/1.1\r\nHost: secret.example:443\r\n\r\n"]);
    });
  });

  test("that makes none says why", () => {
    inWorld(function* (world) {
      webServer(world, "proxy", () => text("no", { status: 403 }));
      const error = yield* thrown(hear("ws://far/", { proxy: "http://proxy" }));
      expect(error).toBeInstanceOf(HttpError);
      expect(String(error)).toContain("does not connect to far:80: 403");
    });
  });
});
