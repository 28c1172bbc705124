/** A client that is told which addresses not to connect to: in every way in which it connects. */
import { ConnectError } from "rondo/net";
import { simCertificate } from "rondo/sim";
import { expect, test } from "vitest";
import { inWorld, thrown, webServer } from "../../tests/fetching.ts";
import { openClient, redirect, text } from "../index.ts";

const refuse = (address: string): string | undefined => (address.startsWith("10.9.") ? "ours" : undefined);

test("an address is refused to a request, a redirect, a retry and a TLS connection, kept or used once", () => {
  inWorld(function* (world) {
    const { names } = world.network;
    webServer(world, "server", () => redirect("http://inside/"));
    names.set("inside", "10.9.0.1");
    const tls = { ca: simCertificate(["inside"]).ca };
    const client = openClient({ proxy: null, refuse, tls, retry: { attempts: 2, backoff: 1 } });
    for (const url of ["http://inside/", "http://10.9.0.1/", "http://server/", "https://inside/"]) {
      for (const keepAlive of [true, false]) {
        const error = yield* thrown(client.fetch(url, { keepAlive }));
        expect(error).toBeInstanceOf(ConnectError);
        expect(String(error)).toContain("10.9.0.1 is refused: ours");
      }
    }
  });
});

test("a connection that stands is used further, and the next one is asked about again", () => {
  inWorld(function* (world) {
    const { names } = world.network;
    webServer(world, "server", () => text("hello"));
    const client = openClient({ proxy: null, refuse });
    expect(yield* (yield* client.fetch("http://server/")).text()).toBe("hello");
    names.set("server", "10.9.0.1");
    expect(yield* (yield* client.fetch("http://server/")).text()).toBe("hello");
    const other = openClient({ proxy: null, refuse });
    expect(String(yield* thrown(other.fetch("http://server/")))).toContain("refused: ours");
  });
});

test("a proxy is what is connected to, so it is what is asked about", () => {
  inWorld(function* (world) {
    webServer(world, "proxy", (request) => text(`by proxy to ${request.target}`));
    const client = openClient({ proxy: "http://proxy", refuse });
    // Where the proxy connects to, or whether at all, this side cannot know.
    expect(yield* (yield* client.fetch("http://10.9.0.1/")).text()).toBe("by proxy to http://10.9.0.1/");
    world.network.names.set("proxy", "10.9.0.7");
    const other = openClient({ proxy: "http://proxy", refuse });
    expect(String(yield* thrown(other.fetch("http://far.example/")))).toContain("10.9.0.7 is refused: ours");
  });
});
