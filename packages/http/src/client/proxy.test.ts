/** Proxies: which one, and what is said to it. */
import { group, use } from "rondo";
import { copy, connect, listen, serve } from "rondo/net";
import { simCertificate } from "rondo/sim";
import { describe, expect, test } from "vitest";
import { inWorld, webServer } from "../../tests/fetching.ts";
import { HttpError, openClient, serve as serveHttp, text } from "../index.ts";
import { type Environment, proxyAt, proxyFrom } from "./proxy.ts";
import { targetOf } from "./target.ts";

const own = simCertificate(["secret.example"]);
const HTTP = "http://www.example.com/";
const HTTPS = "https://www.example.com/";

describe("the proxy", () => {
  test.each([
    [{}, HTTP, undefined],
    [{ HTTP_PROXY: "http://p:3128" }, HTTP, "p:3128"],
    [{ HTTP_PROXY: "http://p:3128" }, HTTPS, undefined],
    [{ HTTPS_PROXY: "p:3128" }, HTTPS, "p:3128"],
    [{ http_proxy: "small:1", HTTP_PROXY: "large:1" }, HTTP, "small:1"],
    [{ http_proxy: "", HTTP_PROXY: "large:1" }, HTTP, undefined],
    [{ ALL_PROXY: "all:1" }, HTTPS, "all:1"],
    [{ HTTP_PROXY: "evil:1", REQUEST_METHOD: "GET" }, HTTP, undefined],
    [{ http_proxy: "fine:1", REQUEST_METHOD: "GET" }, HTTP, "fine:1"],
    [{ ALL_PROXY: "p:1", NO_PROXY: "*" }, HTTP, undefined],
    [{ ALL_PROXY: "p:1", NO_PROXY: "other.example, example.com" }, HTTP, undefined],
    [{ ALL_PROXY: "p:1", NO_PROXY: ".example.com" }, HTTP, undefined],
    [{ ALL_PROXY: "p:1", NO_PROXY: "*.EXAMPLE.com" }, HTTP, undefined],
    [{ ALL_PROXY: "p:1", NO_PROXY: "ample.com" }, HTTP, "p:1"],
    [{ ALL_PROXY: "p:1", NO_PROXY: "www.example.com:80" }, HTTP, undefined],
    [{ ALL_PROXY: "p:1", NO_PROXY: "www.example.com:8080" }, HTTP, "p:1"],
    [{ ALL_PROXY: "p:1", NO_PROXY: "2001:db8::1" }, "http://[2001:db8::1]/", undefined],
    [{ ALL_PROXY: "p:1" }, "http://localhost:8080/", undefined],
    [{ ALL_PROXY: "p:1" }, "http://127.0.0.2/", undefined],
    [{ ALL_PROXY: "p:1" }, "http://[::1]/", undefined],
  ])("that %j means for %s is %s", (environment, url, name) => {
    expect(proxyFrom(environment as Environment, targetOf(url))?.name).toBe(name);
  });

  test("has a user and a password in its address, which are not shown", () => {
    const proxy = proxyAt("http://us%20er:p%40ss@proxy:8080");
    expect(proxy.authorization).toBe(`Basic ${Buffer.from("us er:p@ss").toString("base64")}`);
    expect(proxy.name).toBe("proxy:8080");
    expect(() => proxyAt("socks5://proxy")).toThrow("http: or https:");
    expect(() => proxyAt("http://[")).toThrow("no address of a proxy");
  });

  test("is asked for the whole address where the request is in the clear", () => {
    inWorld(function* (world) {
      webServer(world, "proxy", (request) =>
        text(`${request.target} ${request.headers.get("host")} ${request.headers.get("proxy-authorization")}`),
      );
      const client = openClient({ proxy: "http://me:secret@proxy" });
      expect(yield* (yield* client.fetch("http://far.example:8080/a?b")).text()).toBe(
        `http://far.example:8080/a?b far.example:8080 Basic ${btoa("me:secret")}`,
      );
      expect(yield* (yield* client.fetch("http://other.example/")).text()).toContain("other.example");
      // Requests to all hosts share the connections to it.
      expect(Object.keys(client.statistics())).toEqual(["proxy proxy"]);
      expect(world.network.statistics().connections).toBe(1);
    });
  });

  test("that does not connect says why", () => {
    inWorld(function* (world) {
      webServer(world, "proxy", () => text("who are you?", { status: 407 }));
      const client = openClient({ proxy: "http://proxy" });
      let failure: unknown;
      try {
        yield* client.fetch("https://far.example/");
      } catch (error) {
        failure = error;
      }
      expect(failure).toBeInstanceOf(HttpError);
      expect(String(failure)).toMatch(
        /proxy proxy does not connect to far\.example:443: 407 .*it wants a user and a password/,
      );
    });
  });

  test("makes a tunnel that it cannot look into, with TLS through it", () => {
    const heads: string[] = [];
    inWorld(function* (world) {
      world.node("secret.example", function* () {
        const server = yield* serveHttp({ port: 443, tls: own, handler: () => text("hidden") });
        yield* server.ended();
      });
      world.node("proxy", function* () {
        const listener = yield* listen({ port: 80 });
        yield* serve(listener, function* (stream) {
          heads.push(new TextDecoder().decode((yield* stream.readUntil("\r\n\r\n")) ?? new Uint8Array()));
          const to = use(yield* connect({ host: "secret.example", port: 443 }));
          yield* stream.write("HTTP/1.1 200 Connection established\r\n\r\n");
          yield* group(function* (g) {
            g.spawn(copy(stream, to));
            yield* copy(to, stream);
          });
        });
      });
      const client = openClient({ proxy: "http://me:secret@proxy", tls: { ca: own.ca } });
      expect(yield* (yield* client.fetch("https://secret.example/x")).text()).toBe("hidden");
      expect(heads).toEqual([
        `CONNECT secret.example:443 HTTP/1.1\r\nHost: secret.example:443\r\nProxy-Authorization: Basic ${btoa("me:secret")}\r\n\r\n`,
      ]);
    });
  });
});
