import { describe, expect, it, test } from "vitest";

import { certificates, noOpenssl } from "../../tests/certificates.ts";
import { seeds } from "../../tests/virtual.ts";
import { all } from "../combine/all.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { BrokenError } from "../coroutine/errors.ts";
import { checkpoint, now, sleep } from "../loop/sleep.ts";
import type { ByteStream } from "../net/stream.ts";
import { memoryPair } from "../net/memory.ts";
import { TlsError } from "../net/errors.ts";
import { connectTls, type ConnectTlsOptions, startTls, type TlsStream } from "../net/tls.ts";
import { listenTls, serveTls } from "../net/tls-listen.ts";
import type { ClientSettings, ServerSettings } from "../net/tls-options.ts";
import { halfCloseableChecks, streamChecks } from "../testing/index.ts";
import { randomWalk } from "./policy.ts";
import { type Run, simulate, type SimulateOptions } from "./simulate.ts";
import { simCertificate } from "./tls-certificates.ts";
import type { World } from "./world.ts";

const bank = simCertificate(["bank", "*.example.org", "10.0.0.9"], { authority: "nation" });

function inWorld<T>(body: (world: World) => Operation<T>, options: SimulateOptions = {}): Run<T> {
  const run = simulate(options, body);
  if (!run.ok) throw run.error;
  return run;
}

type Sides = readonly [ByteStream, ByteStream];

function* handshake(
  client: ClientSettings = {},
  server: ServerSettings = {},
  [a, b]: Sides = memoryPair(),
): Coroutine<[TlsStream, TlsStream]> {
  return yield* all([
    () => startTls(a, { role: "client", ca: bank.ca, servername: "bank", ...client }),
    () => startTls(b, { role: "server", ...bank, ca: undefined, ...server }),
  ]);
}

/** What each side throws, in the handshake or at its first read. */
function* failures(
  client: ClientSettings = {},
  server: ServerSettings = {},
  [a, b]: Sides = memoryPair(),
): Coroutine<(TlsError | undefined)[]> {
  const attempt = (side: () => Operation<TlsStream>): (() => Operation<TlsError | undefined>) =>
    function* () {
      try {
        const stream = yield* side();
        yield* stream.read();
        yield* stream.close();
        return undefined;
      } catch (error) {
        return error as TlsError;
      }
    };
  return yield* all([
    attempt(() => startTls(a, { role: "client", ca: bank.ca, servername: "bank", ...client })),
    attempt(() => startTls(b, { role: "server", ...bank, ca: undefined, ...server })),
  ]);
}

const checks = (errors: readonly unknown[]): unknown[] =>
  errors.map((error) => (error instanceof TlsError ? error.check : error));

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

describe("TLS in a simulated world", () => {
  it("is agreed on by both sides, who both know on what", () => {
    inWorld(function* () {
      const [client, server] = yield* handshake({ alpn: ["h2", "http/1.1"] }, { alpn: ["http/1.1"] });
      expect(client.tls).toMatchObject({
        role: "client",
        protocol: "TLSv1.3",
        cipher: "TLS_AES_256_GCM_SHA384",
        alpn: "http/1.1",
        servername: "bank",
        resumed: false,
        authorized: true,
        authorizationError: undefined,
      });
      expect(client.tls.peerCertificate).toMatchObject({
        subject: "CN=bank",
        issuer: "CN=nation",
        names: "DNS:bank, DNS:*.example.org, IP Address:10.0.0.9",
      });
      expect(server.tls).toMatchObject({ role: "server", alpn: "http/1.1", servername: "bank", authorized: false });
      expect(server.tls.peerCertificate).toBeUndefined();
      expect(client.label).toMatch(/^tls over memory /);
      yield* all([client.close(), server.close()]);
    });
  });

  it("carries bytes both ways, ends each way by itself, and closes", () => {
    inWorld(function* () {
      const [client, server] = yield* handshake();
      const sending = function* (): Coroutine<void> {
        yield* client.write("hello ");
        yield* client.write(new Uint8Array(100_000).fill(65));
        yield* client.end();
      };
      const [, got] = yield* all([sending, () => server.readExactly(100_006)]);
      expect(text(got)?.slice(0, 8)).toBe("hello AA");
      expect(yield* server.read()).toBeUndefined();
      yield* server.write("and back");
      yield* server.close();
      expect(text(yield* client.readExactly(8))).toBe("and back");
      expect(yield* client.read()).toBeUndefined();
      yield* client.close();
    });
  });

  it.each([
    ["the name is another one", { servername: "other" }, {}, ["hostname", "refused by the peer"]],
    ["the name has a label too many", { servername: "a.b.example.org" }, {}, ["hostname", "refused by the peer"]],
    ["nobody is trusted", { ca: undefined }, {}, ["unknown authority", "refused by the peer"]],
    ["it has signed itself", {}, simCertificate("bank"), ["self-signed", "refused by the peer"]],
    [
      "it is over",
      {},
      simCertificate("bank", { authority: "nation", validTo: Date.UTC(1999, 0) }),
      ["expired", "refused by the peer"],
    ],
    [
      "it is yet to come",
      {},
      simCertificate("bank", { authority: "nation", validFrom: Date.UTC(2001, 0) }),
      ["not yet valid", "refused by the peer"],
    ],
    ["the protocols differ", { alpn: ["h2"] }, { alpn: ["http/1.1"] }, ["alpn", "alpn"]],
    ["the versions differ", { minVersion: "TLSv1.3" }, { maxVersion: "TLSv1.2" }, ["protocol", "protocol"]],
    [
      "a client certificate is missing",
      {},
      { clientCertificate: "require" },
      ["client certificate", "client certificate"],
    ],
    [
      "a client certificate is refused",
      simCertificate("me"),
      { clientCertificate: "require", ca: bank.ca },
      ["refused by the peer", "self-signed"],
    ],
    ["there is none for the name", {}, { cert: undefined, names: { other: bank } }, ["server name", "server name"]],
  ] as const)("fails on both sides where %s", (_why, client, server, expected) => {
    const { value } = inWorld(() =>
      failures({ ...client, ca: "ca" in client && !("cert" in client) ? client.ca : bank.ca }, {
        ...server,
        ca: "clientCertificate" in server && "ca" in server ? server.ca : undefined,
      } as ServerSettings),
    );
    expect(checks(value as unknown[])).toEqual(expected);
  });

  it("takes anybody where it is told to, and says what was wrong", () => {
    inWorld(function* () {
      const [client, server] = yield* handshake({ rejectUnauthorized: false, servername: "other" });
      expect(client.tls.authorized).toBe(false);
      expect((client.tls.authorizationError as TlsError).check).toBe("hostname");
      yield* all([client.close(), server.close()]);
    });
  });

  it("knows a client that shows a certificate", () => {
    const me = simCertificate("me", { authority: "nation" });
    inWorld(function* () {
      const [client, server] = yield* handshake(
        { cert: me.cert, key: me.key },
        { clientCertificate: "require", ca: me.ca },
      );
      expect(server.tls).toMatchObject({ authorized: true, peerCertificate: { subject: "CN=me" } });
      yield* all([client.close(), server.close()]);
    });
  });

  it("chooses the certificate by the name that is asked for", () => {
    const names = { "*.shop.test": simCertificate("*.shop.test", { authority: "nation" }) };
    inWorld(function* () {
      const [client, server] = yield* handshake({ servername: "a.Shop.test" }, { names });
      expect(client.tls.peerCertificate?.subject).toBe("CN=*.shop.test");
      yield* all([client.close(), server.close()]);
    });
  });

  it("refuses at once what it cannot use", () => {
    inWorld(function* () {
      for (const settings of [
        { cert: "nothing", key: "nothing" },
        { cert: bank.cert, key: simCertificate("other").key },
        { cert: bank.cert },
      ]) {
        const [a, b] = memoryPair();
        let error: unknown;
        try {
          yield* startTls(b, { role: "server", ...settings });
        } catch (thrown) {
          error = thrown;
        }
        expect(error).toBeInstanceOf(TypeError);
        yield* all([a.close(), b.close()]);
      }
    });
  });

  it("resumes a session with the server that gave it, and no other", () => {
    inWorld(function* () {
      const sessions: Uint8Array[] = [];
      const keys = new Uint8Array(48).fill(7);
      const once = function* (server: ServerSettings): Coroutine<boolean> {
        const settings = { onSession: (one: Uint8Array) => void sessions.push(one), session: sessions.at(-1) };
        const [client, other] = yield* handshake(settings, server);
        const { resumed } = client.tls;
        expect(other.tls.resumed).toBe(resumed);
        expect(client.tls.peerCertificate?.subject).toBe("CN=bank");
        yield* other.close();
        expect(yield* client.read()).toBeUndefined();
        yield* client.close();
        return resumed;
      };
      expect([yield* once({ ticketKeys: keys }), yield* once({ ticketKeys: keys }), yield* once({})]).toEqual([
        false,
        true,
        false,
      ]);
      expect(sessions.length).toBe(3);
    });
  });

  it("tells a cut from an end", () => {
    inWorld(function* () {
      for (const truncation of ["error", "end"] as const) {
        const [a, b] = memoryPair();
        const [client, server] = yield* handshake({ truncation }, {}, [a, b]);
        yield* server.write("half a");
        expect(text(yield* client.read())).toBe("half a");
        // The connection ends below TLS, as when somebody on the way cuts it.
        (server as unknown as { _transport: { line: { under: { close(): void } } } })._transport.line.under.close();
        const result = yield* caught(() => client.read());
        expect(result).toMatchObject(truncation === "error" ? { check: "truncated" } : {});
        if (truncation === "end") expect(result).toBeUndefined();
        client.abort();
        server.abort();
        yield* checkpoint();
      }
    });
  });

  it("says what came instead of TLS", () => {
    inWorld(function* () {
      const [c, d] = memoryPair();
      const [late] = yield* all([
        () => caught(() => startTls(d, { role: "server", ...bank })),
        function* () {
          yield* checkpoint();
          yield* checkpoint();
          yield* c.write("SSH-2.0");
        },
      ]);
      expect(late).toMatchObject({ check: "not tls" });
      yield* c.close();
    });
  });

  it("fails where the other side goes in the middle", () => {
    inWorld(function* () {
      const [a, b] = memoryPair();
      const [error] = yield* all([
        () => caught(() => startTls(a, { role: "client", servername: "bank", ca: bank.ca })),
        () => b.close(),
      ]);
      expect(error).toMatchObject({ check: "handshake" });
    });
  });

  it("gives up after its time, and leaves nothing", () => {
    const { virtual } = inWorld(function* () {
      const [a, b] = memoryPair();
      const error = yield* caught(() =>
        startTls(a, { role: "client", servername: "bank", ca: bank.ca, handshakeTimeout: 250 }),
      );
      expect(error).toMatchObject({ check: "handshake timeout" });
      yield* b.close();
    });
    expect(virtual).toBe(250);
  });

  test.skipIf(noOpenssl !== undefined)("reads real certificates too, and whoever has signed them", () => {
    const made = certificates();
    inWorld(function* () {
      const good = yield* handshake({ ca: made.ca, servername: "localhost" }, { ...made.server });
      expect(good[0].tls.peerCertificate?.names).toBe("DNS:localhost, IP Address:127.0.0.1, DNS:*.example.org");
      yield* all(good.map((stream) => stream.close()));
      const refusedFor = function* (client: ClientSettings, server: ServerSettings): Coroutine<unknown> {
        return checks(yield* failures({ ca: made.ca, servername: "localhost", ...client }, server))[0];
      };
      expect(yield* refusedFor({}, made.other)).toBe("hostname");
      expect(yield* refusedFor({}, made.selfSigned)).toBe("self-signed");
      expect(yield* refusedFor({}, made.stranger)).toBe("unknown authority");
      expect(
        yield* caught(() => startTls(memoryPair()[0], { role: "server", cert: made.server.cert, key: made.other.key })),
      ).toBeInstanceOf(TypeError);
    });
  });

  it("gives the same run again", () => {
    const hashes = [1, 2].map(() => inWorld(() => handshakeAndClose(), { seed: 4 }).hash);
    expect(hashes[0]).toBe(hashes[1]);
  });
});

function* handshakeAndClose(): Coroutine<void> {
  const streams = yield* handshake();
  yield* all(streams.map((stream) => stream.close()));
}

function* caught(body: () => Operation<unknown>): Coroutine<unknown> {
  try {
    yield* body();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("over the simulated network", () => {
  const quiet = (latency: number): SimulateOptions => ({
    network: { faults: "none", link: { latency }, nameLatency: 0 },
  });

  function* serving(): Coroutine<void> {
    const listener = yield* listenTls({ port: 443, cert: bank.cert, key: bank.key, alpn: ["echo"] });
    yield* serveTls(listener, function* (stream) {
      for (let bytes = yield* stream.read(); bytes !== undefined; bytes = yield* stream.read())
        yield* stream.write(bytes);
    });
  }

  function* asking(options: Partial<ConnectTlsOptions> = {}): Coroutine<[number, number, string | undefined]> {
    const start = now();
    const stream = yield* connectTls({ host: "bank", port: 443, ca: bank.ca, ...options });
    const secured = now() - start;
    yield* stream.write("hello");
    const answer = text(yield* stream.read());
    const answered = now() - start;
    yield* stream.end();
    expect(yield* stream.read()).toBeUndefined();
    yield* stream.close();
    return [secured, answered, answer];
  }

  it.each([
    ["TLSv1.3", 200, 300],
    ["TLSv1.2", 300, 400],
  ] as const)("%s takes its round trips", (maxVersion, secured, answered) => {
    const { value } = inWorld(function* (world) {
      world.node("bank", serving);
      yield* sleep(1);
      return yield* asking({ maxVersion });
    }, quiet(50));
    const [s, a, answer] = value as [number, number, string];
    // One round trip for TCP, one for TLS (two with 1.2), one for the answer.
    expect([Math.round(s), Math.round(a), answer]).toEqual([secured, answered, "hello"]);
  });

  it("holds over bad networks, on many seeds", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const run = inWorld(
        function* (world) {
          world.node("bank", serving);
          yield* sleep(1);
          return yield* all([1, 2, 3].map(() => () => asking()));
        },
        { seed, policy: randomWalk },
      );
      expect(run.value?.map(([, , answer]) => answer)).toEqual(["hello", "hello", "hello"]);
    }
  });

  it("is a broken connection where the server crashes", () => {
    const { value } = inWorld(function* (world) {
      const server = world.node("bank", serving);
      yield* sleep(1);
      const stream = yield* connectTls({ host: "bank", port: 443, ca: bank.ca });
      server.crash();
      server.restart();
      yield* stream.write("hello");
      const error = yield* caught(() => stream.read());
      yield* stream.close();
      return error;
    }, quiet(1));
    expect(value).toBeInstanceOf(BrokenError);
  });

  it("times out where the server stands still", () => {
    const { value } = inWorld(function* (world) {
      const server = world.node("bank", serving);
      yield* sleep(1);
      server.pause();
      const error = yield* caught(() => connectTls({ host: "bank", port: 443, ca: bank.ca, handshakeTimeout: 500 }));
      server.resume();
      return error;
    }, quiet(1));
    expect(value).toMatchObject({ check: "handshake timeout" });
  });
});

describe("a stream over it", () => {
  const make = (window: number) =>
    function* (): Coroutine<readonly [ByteStream, ByteStream]> {
      return yield* handshake({}, {}, memoryPair({ window }));
    };
  const sizes = [
    [65536, { clog: 600_000, payload: 20_000 }],
    [100, { clog: 200_000, payload: 4000 }],
  ] as const;
  describe.each(sizes)("over memory with a window of %i", (window, options) => {
    it.each([...streamChecks(make(window), options), ...halfCloseableChecks(make(window), options)])(
      "$name",
      (check) => {
        for (const seed of seeds.slice(0, window === 100 ? 1 : 4))
          inWorld(() => check.run(), { seed, policy: randomWalk });
      },
    );
  });
});
