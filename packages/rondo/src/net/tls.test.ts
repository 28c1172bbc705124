import nodeTls from "node:tls";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { all, BusyError, ClosedError, group, type Group, type Operation, run, TimeoutError, until } from "../index.ts";
import { certificates, noOpenssl } from "../../tests/certificates.ts";
import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { wire } from "../../tests/wire.ts";
import {
  type ByteStream,
  type ClientSettings,
  connect,
  connectTls,
  listen,
  listenTls,
  memoryPair,
  type ServerSettings,
  startTls,
  TlsError,
  type TlsStream,
} from "./index.ts";

if (noOpenssl !== undefined) console.log(`the tests of TLS are skipped: ${noOpenssl}`);

const really = <T>(body: (g: Group) => Operation<T>): Promise<T> => leavesNothing(() => run(() => group(body)));

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

/** Both sides of a handshake over memory. */
function* handshake(
  client: ClientSettings,
  server: ServerSettings,
  [a, b]: readonly [ByteStream, ByteStream] = memoryPair(),
): Generator<any, [TlsStream, TlsStream], any> {
  const { ca, server: own } = certificates();
  return yield* all([
    () => startTls(a, { role: "client", ca, servername: "localhost", ...client }),
    () => startTls(b, { role: "server", ...own, ...server }),
  ]);
}

/** Two ends of a TCP connection. */
function* tcp(): Generator<any, [ByteStream, ByteStream], any> {
  const listener = yield* listen({ host: "127.0.0.1", port: 0 });
  const client = yield* connect({ host: "127.0.0.1", port: listener.address.port });
  const server = yield* listener.accept();
  listener.close();
  return [client, server];
}

/** What each side throws in a handshake, over memory where nothing is said; undefined for a side that has found nothing wrong. */
function* failures(
  client: ClientSettings,
  server: ServerSettings,
  [a, b]: readonly [ByteStream, ByteStream] = memoryPair(),
): Generator<any, (TlsError | undefined)[], any> {
  const { ca, server: own } = certificates();
  const attempt = (side: () => Operation<TlsStream>): (() => Operation<TlsError | undefined>) =>
    function* () {
      try {
        const stream = yield* side();
        // In TLS 1.3 a client learns of the server's verdict when it reads.
        yield* stream.read();
        yield* stream.close();
        return undefined;
      } catch (error) {
        return error as TlsError;
      }
    };
  const results = yield* all([
    attempt(() => startTls(a, { role: "client", ca, servername: "localhost", ...client })),
    attempt(() => startTls(b, { role: "server", ...own, ...server })),
  ]);
  yield* a.close();
  yield* b.close();
  return results;
}

function* closeAll(...streams: readonly ByteStream[]): Generator<any, void, any> {
  for (const stream of streams) yield* stream.close();
}

describe.skipIf(noOpenssl !== undefined)("TLS", () => {
  test("a client and a server agree, and both know on what", () =>
    really(function* () {
      const [client, server] = yield* handshake({ alpn: ["h2", "http/1.1"] }, { alpn: ["http/1.1"] });
      expect(client.tls).toMatchObject({
        role: "client",
        protocol: "TLSv1.3",
        alpn: "http/1.1",
        servername: "localhost",
        resumed: false,
        authorized: true,
        authorizationError: undefined,
      });
      expect(client.tls.cipher).toMatch(/^TLS_/);
      expect(client.tls.peerCertificate).toMatchObject({
        subject: "CN=server",
        issuer: "CN=authority",
        names: "DNS:localhost, IP Address:127.0.0.1, DNS:*.example.org",
        validTo: new Date("2100-01-01T00:00:00Z"),
      });
      expect(server.tls).toMatchObject({
        role: "server",
        alpn: "http/1.1",
        servername: "localhost",
        authorized: false,
      });
      expect(server.tls.peerCertificate).toBeUndefined();
      expect(client.label).toMatch(/^tls over memory /);
      yield* closeAll(client, server);
    }));

  describe("a certificate that is refused is refused for a reason", () => {
    const cases = [
      ["expired", "expired", /valid to Feb {2}1 00:00:00 2000/],
      ["future", "not yet valid", /valid from Jan {2}1 00:00:00 2100/],
      ["selfSigned", "self-signed", /CN=localhost/],
      ["stranger", "unknown authority", /CN=nobody/],
      ["other", "hostname", /DNS:other\.test/],
    ] as const;
    test.each(cases)("%s: %s", (name, check, received) =>
      really(function* () {
        const [error] = yield* failures({}, certificates()[name]);
        expect(error).toBeInstanceOf(TlsError);
        expect(error).toMatchObject({ check, received: expect.stringMatching(received) });
        expect((error as TlsError).message).toMatch(received);
        if (check === "hostname") expect(error).toMatchObject({ expected: "localhost" });
      }),
    );

    test.each(cases)("%s is accepted by a client that accepts anybody, which can know it", (name, check) =>
      really(function* () {
        const [client, server] = yield* handshake({ rejectUnauthorized: false }, certificates()[name]);
        expect(client.tls.authorized).toBe(false);
        expect(client.tls.authorizationError).toMatchObject({ check });
        yield* closeAll(client, server);
      }),
    );
  });

  test("one that is signed by itself can be trusted by name", () =>
    really(function* () {
      const { selfSigned } = certificates();
      const [client, server] = yield* handshake({ ca: selfSigned.cert }, selfSigned);
      expect(client.tls.authorized).toBe(true);
      yield* closeAll(client, server);
    }));

  test("an address is checked against the certificate, and not sent as a name", () =>
    really(function* () {
      const [client, server] = yield* handshake({ servername: "127.0.0.1" }, {});
      expect(server.tls.servername).toBeUndefined();
      yield* closeAll(client, server);
      const [error] = yield* failures({ servername: "127.0.0.2" }, {});
      expect(error).toMatchObject({ check: "hostname", expected: "127.0.0.2" });
    }));

  test("wrong settings are found before anything happens to the connection", () =>
    really(function* () {
      const [a, b] = memoryPair();
      expect(yield* thrownBy(() => startTls(a, { role: "client" }))).toBeInstanceOf(TypeError);
      expect(yield* thrownBy(() => startTls(a, { role: "server", cert: "no", key: "no" }))).toBeInstanceOf(TypeError);
      expect(yield* thrownBy(() => startTls(a, { role: "other" as "server" }))).toBeInstanceOf(TypeError);
      expect(
        yield* thrownBy(() => startTls(a, { role: "client", servername: "a", handshakeTimeout: -1 })),
      ).toBeInstanceOf(RangeError);
      const { server, other } = certificates();
      const session = new Uint8Array(100);
      expect(yield* thrownBy(() => startTls(a, { role: "client", servername: "a", session }))).toBeInstanceOf(
        TypeError,
      );
      const names = { "a.test": { cert: other.cert, key: server.key } };
      expect(yield* thrownBy(() => startTls(a, { role: "server", ...server, names }))).toBeInstanceOf(TypeError);
      yield* a.write("still a stream");
      expect(text(yield* b.read())).toBe("still a stream");
      yield* closeAll(a, b);
    }));

  describe("the server chooses by name", () => {
    const names = (): ServerSettings["names"] => ({
      "other.test": certificates().other,
      "*.b.test": certificates().server,
    });

    test("a name of the table, one beside a star, one that is not there", () =>
      really(function* () {
        const chosen = function* (servername: string): Generator<any, string | undefined, any> {
          const { renewed } = certificates();
          const [a, b] = yield* handshake({ servername, rejectUnauthorized: false }, { ...renewed, names: names() });
          yield* closeAll(a, b);
          expect(b.tls.servername).toBe(servername);
          return a.tls.peerCertificate?.subject;
        };
        expect(yield* chosen("other.test")).toBe("CN=other");
        expect(yield* chosen("OTHER.test")).toBe("CN=other");
        expect(yield* chosen("a.b.test")).toBe("CN=server");
        expect(yield* chosen("a.a.b.test")).toBe("CN=renewed");
        expect(yield* chosen("constructor")).toBe("CN=renewed");
      }));

    test("a function is asked; where there is no certificate, the connection is refused", () =>
      really(function* () {
        const asked: string[] = [];
        const pick = (name: string): ReturnType<typeof certificates>["other"] | undefined => {
          asked.push(name);
          return name === "other.test" ? certificates().other : undefined;
        };
        const none = { cert: undefined, key: undefined, names: pick };
        const [a, b] = yield* handshake({ servername: "other.test" }, none);
        yield* closeAll(a, b);
        const [client, server] = yield* failures({ servername: "unknown.test" }, none);
        expect(server).toMatchObject({ check: "server name", received: "unknown.test" });
        expect(client).toMatchObject({ check: "handshake" });
        expect(asked).toEqual(["other.test", "unknown.test"]);
      }));

    test("what the function throws ends the handshake, and is thrown", () =>
      really(function* () {
        const names = (): never => {
          throw new Error("no idea");
        };
        const [, server] = yield* failures({}, { names });
        expect(server?.message).toBe("no idea");
      }));
  });

  test("without an application protocol in common there is no connection", () =>
    really(function* () {
      const [client, server] = yield* failures({ alpn: ["h2"] }, { alpn: ["http/1.1"] });
      expect(client).toMatchObject({ check: "alpn" });
      expect(server).toMatchObject({ check: "alpn" });
      const [a, b] = yield* handshake({ alpn: ["h2"] }, {});
      expect(a.tls.alpn).toBeUndefined();
      yield* closeAll(a, b);
    }));

  test("without a version in common there is no connection", () =>
    really(function* () {
      const [client, server] = yield* failures({ maxVersion: "TLSv1.2" }, { minVersion: "TLSv1.3" });
      expect(client).toMatchObject({ check: "protocol" });
      expect(server).toMatchObject({ check: "protocol" });
    }));

  test.each(["TLSv1.2", "TLSv1.3"] as const)("a session of %s is resumed", (maxVersion) =>
    really(function* () {
      const { ca, server } = certificates();
      const listener = yield* listenTls({ host: "127.0.0.1", port: 0, ...server });
      const told: Uint8Array[] = [];
      const once = function* (session?: Uint8Array): Generator<any, [boolean, boolean], any> {
        const { port } = listener.address;
        const onSession = (fresh: Uint8Array): void => void told.push(fresh);
        const [a, b] = yield* all([
          () => connectTls({ host: "localhost", port, family: 4, ca, maxVersion, session, onSession }),
          () => listener.accept(),
        ]);
        yield* b.write("x");
        yield* a.read();
        expect(a.tls.session).toBeInstanceOf(Uint8Array);
        yield* closeAll(a, b);
        return [a.tls.resumed, b.tls.resumed];
      };
      expect(yield* once()).toEqual([false, false]);
      expect(told.length).toBeGreaterThan(0);
      expect(yield* once(told.at(-1))).toEqual([true, true]);
      listener.close();
    }),
  );

  test("a session of one server is no pass for another name", () =>
    really(function* () {
      const { server } = certificates();
      const listener = yield* listenTls({ host: "127.0.0.1", port: 0, ...server });
      const visit = (more: ClientSettings): Operation<[TlsStream, TlsStream]> =>
        all([
          () => connectTls({ host: "127.0.0.1", port: listener.address.port, ca: certificates().ca, ...more }),
          () => listener.accept(),
        ]) as Operation<[TlsStream, TlsStream]>;
      const [a, b] = yield* visit({ servername: "localhost" });
      yield* b.write("x");
      yield* a.read();
      const { session } = a.tls;
      yield* closeAll(a, b);
      const error = yield* thrownBy(() => visit({ servername: "evil.test", session }));
      expect(error).toMatchObject({ check: "hostname", expected: "evil.test" });
      listener.close();
    }));

  describe("a client shows a certificate", () => {
    const server = (clientCertificate: "ask" | "require"): ServerSettings => ({
      ca: certificates().ca,
      clientCertificate,
    });

    test("that is good", () =>
      really(function* () {
        const [a, b] = yield* handshake(certificates().client, server("require"));
        expect(b.tls.authorized).toBe(true);
        expect(b.tls.peerCertificate?.subject).toBe("CN=client");
        yield* closeAll(a, b);
      }));

    test("or none, where one is required", () =>
      really(function* () {
        const [client, other] = yield* failures({}, server("require"), yield* tcp());
        expect(other).toMatchObject({ check: "client certificate" });
        expect(client).toMatchObject({ check: "client certificate" });
      }));

    test("or a bad one", () =>
      really(function* () {
        const [, stranger] = yield* failures(certificates().stranger, server("require"));
        expect(stranger).toMatchObject({ check: "unknown authority", received: expect.stringContaining("CN=nobody") });
        const [, expired] = yield* failures(certificates().expired, server("require"));
        expect(expired).toMatchObject({ check: "expired" });
      }));

    test("or whatever it likes, where the server only asks", () =>
      really(function* () {
        const [a, b] = yield* handshake({}, server("ask"));
        expect(b.tls).toMatchObject({ authorized: false, authorizationError: { check: "client certificate" } });
        const [c, d] = yield* handshake(certificates().stranger, server("ask"));
        expect(d.tls).toMatchObject({ authorized: false, authorizationError: { check: "unknown authority" } });
        yield* closeAll(a, b, c, d);
      }));
  });

  describe("an upgrade", () => {
    function* memory(): Generator<any, [ByteStream, ByteStream], any> {
      return memoryPair();
    }

    test("takes the record that came with the plain text before it for the beginning of TLS", () =>
      really(function* (g) {
        const { ca, server } = certificates();
        for (const make of [tcp, memory]) {
          const [a, b] = yield* make();
          yield* a.write("STARTTLS\r\n");
          const upgrade = g.spawn(() => startTls(a, { role: "client", ca, servername: "localhost" }));
          // The line, and something of the record behind it, have come in the same buffer.
          const both = (yield* b.readExactly(60)) as Uint8Array;
          b.unread(both);
          expect(text(yield* b.readUntil("\r\n"))).toBe("STARTTLS\r\n");
          expect(b.buffered).toBeGreaterThanOrEqual(50);
          const upper = yield* startTls(b, { role: "server", ...server });
          const lower = yield* upgrade;
          yield* lower.write("secret");
          expect(text(yield* upper.readExactly(6))).toBe("secret");
          yield* closeAll(lower, upper);
        }
      }));

    test("plain text in front of TLS is refused by a server, and not given out later", () =>
      really(function* (g) {
        const { ca, server } = certificates();
        const [a, b] = memoryPair();
        yield* a.write("STARTTLS\r\nDELETE everything\r\n");
        const client = g.spawn(() => thrownBy(() => startTls(a, { role: "client", ca, servername: "localhost" })));
        expect(text(yield* b.readUntil("\r\n"))).toBe("STARTTLS\r\n");
        const error = yield* thrownBy(() => startTls(b, { role: "server", ...server }));
        expect(error).toMatchObject({ check: "plaintext", received: expect.stringContaining("DELETE everything") });
        expect(yield* client).toBeInstanceOf(TlsError);
      }));

    test("or thrown away, where the protocol says that the client waits", () =>
      really(function* (g) {
        const { ca, server } = certificates();
        const [a, b] = memoryPair();
        g.spawn(function* () {
          yield* a.write("STARTTLS\r\nDELETE everything\r\n");
          expect(text(yield* a.readUntil("\n"))).toBe("go\n");
          const upper = yield* startTls(a, { role: "client", ca, servername: "localhost" });
          yield* upper.write("secret");
          yield* upper.close();
        });
        yield* b.readUntil("\r\n");
        yield* b.write("go\n");
        const upper = yield* startTls(b, { role: "server", early: "discard", ...server });
        expect(text(yield* upper.readExactly(6))).toBe("secret");
        expect(yield* upper.read()).toBeUndefined();
        yield* upper.close();
      }));

    test("a client refuses whatever came before it has begun, even what looks like TLS", () =>
      really(function* () {
        for (const evil of ["220 go\r\nevil\r\n", "220 go\r\n\x16\x03\x03"]) {
          const [a, b] = memoryPair();
          yield* b.write(evil);
          yield* a.readUntil("\r\n");
          const error = yield* thrownBy(() => startTls(a, { role: "client", servername: "localhost" }));
          expect(error).toMatchObject({ check: "plaintext", expected: "nothing" });
          yield* closeAll(a, b);
        }
      }));

    test("the old stream is out of use and says why", () =>
      really(function* (g) {
        const { ca, server } = certificates();
        const [a, b] = memoryPair();
        const other = g.spawn(() => startTls(b, { role: "server", ...server }));
        const client = yield* startTls(a, { role: "client", ca, servername: "localhost" });
        for (const use of [() => a.read(), () => a.write("x"), () => a.end(), () => a.lines().next()]) {
          const error = yield* thrownBy(use);
          expect(error).toBeInstanceOf(ClosedError);
          expect((error as Error).message).toContain("handed over to TLS");
        }
        expect(yield* thrownBy(() => startTls(a, { role: "client", servername: "x" }))).toBeInstanceOf(ClosedError);
        a.abort();
        yield* a.close();
        // None of it has reached the new one.
        yield* client.write("x");
        const upper = yield* other;
        expect(text(yield* upper.read())).toBe("x");
        yield* closeAll(client, upper);
      }));

    test("a stream that others use is not taken from them", () =>
      really(function* (g) {
        const [a, b] = memoryPair({ window: 10 });
        const start = (): Operation<unknown> => startTls(a, { role: "client", servername: "localhost" });
        const reader = g.spawn(() => a.read());
        yield* until(Promise.resolve());
        expect(yield* thrownBy(start)).toBeInstanceOf(BusyError);
        yield* b.write("x");
        yield* reader;
        const writer = g.spawn(() => a.write("longer than the window"));
        yield* until(Promise.resolve());
        expect(yield* thrownBy(start)).toBeInstanceOf(BusyError);
        yield* b.readExactly(22);
        yield* writer;
        yield* a.end();
        expect(yield* thrownBy(start)).toBeInstanceOf(ClosedError);
        yield* closeAll(a, b);
      }));
  });

  test("a connection that ends without a word of TLS is cut off, and not at its end", () =>
    really(function* (g) {
      const line = wire(g);
      const [client, server] = yield* handshake({}, {}, [line.client, line.server]);
      yield* client.write("half of it");
      expect(text(yield* server.readExactly(10))).toBe("half of it");
      line.cut();
      for (const side of [server, client, server]) {
        expect(yield* thrownBy(() => side.read())).toMatchObject({ check: "truncated" });
      }
      expect(yield* thrownBy(() => server.write("x"))).toBeInstanceOf(TlsError);
      yield* closeAll(client, server);
    }));

  test("unless that is asked for", () =>
    really(function* (g) {
      const line = wire(g);
      const [client, server] = yield* handshake({ truncation: "end" }, {}, [line.client, line.server]);
      yield* server.write("all of it");
      expect(text(yield* client.readExactly(9))).toBe("all of it");
      line.cut();
      expect(yield* client.read()).toBeUndefined();
      yield* closeAll(client, server);
    }));

  test("a peer that is told of an end sees one, also when nobody reads at that time", () =>
    really(function* () {
      const [client, server] = yield* handshake({}, {});
      yield* client.write("all of it");
      yield* client.close();
      expect(text(yield* server.readExactly(9))).toBe("all of it");
      expect(yield* server.read()).toBeUndefined();
      yield* server.close();
    }));

  test("an aborted stream is cut off for its peer", () =>
    really(function* () {
      const [client, server] = yield* handshake({}, {});
      yield* client.write("half");
      expect(text(yield* server.readExactly(4))).toBe("half");
      client.abort();
      expect(yield* thrownBy(() => server.read())).toMatchObject({ name: "BrokenError" });
      yield* closeAll(client, server);
    }));

  test("node's own client and server are understood", () =>
    really(function* () {
      const { ca, server } = certificates();
      const listener = yield* listenTls({ host: "127.0.0.1", port: 0, ...server });
      const theirs = nodeTls.connect({ host: "127.0.0.1", port: listener.address.port, ca, servername: "localhost" });
      const gone = once(theirs.resume(), "close");
      const ours = yield* listener.accept();
      theirs.end("hello");
      expect(text(yield* ours.readExactly(5))).toBe("hello");
      expect(yield* ours.read()).toBeUndefined();
      yield* ours.close();
      yield* until(gone);
      listener.close();

      const foreign = nodeTls.createServer({ ...server }, (socket) => {
        // `end("welcome")` at this moment would lose the `close_notify`: Node shuts down before it has sent it.
        socket.once("data", () => socket.write("welcome", () => socket.end()));
      });
      foreign.listen(0, "127.0.0.1");
      yield* until(once(foreign, "listening"));
      const { port } = foreign.address() as { port: number };
      const client = yield* connectTls({ host: "127.0.0.1", port, ca });
      yield* client.write("?");
      expect(text(yield* client.readExactly(7))).toBe("welcome");
      expect(yield* client.read()).toBeUndefined();
      yield* client.close();
      foreign.close();
    }));

  test("everything together can have a time limit", () =>
    really(function* () {
      const listener = yield* listen({ host: "127.0.0.1", port: 0 });
      const { port } = listener.address;
      const error = yield* thrownBy(() => connectTls({ host: "127.0.0.1", port, timeout: 30 }));
      expect(error).toBeInstanceOf(TimeoutError);
      const silent = yield* listener.accept();
      yield* silent.close();
      listener.close();
    }));
});
