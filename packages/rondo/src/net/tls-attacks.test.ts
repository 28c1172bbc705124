import nodeTls from "node:tls";
import { describe, expect, test } from "vitest";
import { all, allSettled, group, type Group, type Operation, run, until } from "../index.ts";
import { certificates, noOpenssl } from "../../tests/certificates.ts";
import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { type Middle, wire } from "../../tests/wire.ts";
import {
  type ByteStream,
  connect,
  listen,
  listenTls,
  memoryPair,
  startTls,
  TlsError,
  type TlsStream,
} from "./index.ts";

if (noOpenssl !== undefined) console.log(`the tests of attacks on TLS are skipped: ${noOpenssl}`);

const really = <T>(body: (g: Group) => Operation<T>): Promise<T> => leavesNothing(() => run(() => group(body)));

const turn = (): Operation<unknown> => until(new Promise((resolve) => setImmediate(resolve)));

const asServer = (stream: ByteStream): Operation<TlsStream> =>
  startTls(stream, { role: "server", ...certificates().server });

const asClient = (stream: ByteStream): Operation<TlsStream> =>
  startTls(stream, { role: "client", ca: certificates().ca, servername: "localhost" });

/** A handshake through somebody in the middle; both may use it, and close. */
function* through(g: Group, middle: Middle): Generator<any, { errors: unknown[]; passed: number }, any> {
  const line = wire(g, middle);
  function* side(start: () => Operation<TlsStream>): Generator<any, void, any> {
    const stream = yield* start();
    try {
      yield* stream.write("x");
      yield* stream.readExactly(1);
      yield* stream.end();
      if ((yield* stream.read()) !== undefined) throw new Error("more than was sent");
    } finally {
      stream.abort();
      yield* stream.close();
    }
  }
  const results = yield* allSettled([() => side(() => asClient(line.client)), () => side(() => asServer(line.server))]);
  const errors = results.map((one) => (one.status === "rejected" ? one.reason : undefined));
  return { errors, passed: line.passed };
}

describe.skipIf(noOpenssl !== undefined)("against TLS", () => {
  test.each<[string, string | Uint8Array]>([
    ["text", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"],
    ["zeros", new Uint8Array(2000)],
    ["a record of nonsense", new Uint8Array([22, 3, 1, 0, 5, 1, 2, 3, 4, 5])],
    ["an old hello", new Uint8Array([0x80, 0x2e, 1, 0, 2, 0, 21, 0, 0, 0, 16])],
  ])("%s instead of a hello is refused", (_, garbage) =>
    really(function* (g) {
      const [a, b] = memoryPair();
      yield* a.write(garbage);
      g.spawn(() => thrownBy(() => a.end()));
      const error = yield* thrownBy(() => asServer(b));
      expect(error).toBeInstanceOf(TlsError);
      expect((error as TlsError).check).not.toBe("truncated");
      yield* a.close();
    }),
  );

  test("a server that speaks something else is refused", () =>
    really(function* (g) {
      const [a, b] = memoryPair();
      g.spawn(function* () {
        yield* b.read();
        yield* b.write("220 mail.example.org ESMTP\r\n");
      });
      const error = yield* thrownBy(() => asClient(a));
      expect(error).toMatchObject({ check: "not tls", received: expect.stringContaining("220 mail") });
      yield* b.close();
    }));

  test("a hello that comes byte by byte is a hello", () =>
    really(function* () {
      const [a, b] = memoryPair({ window: 1 });
      const [client, server] = yield* all([() => asClient(a), () => asServer(b)]);
      yield* client.write("x");
      expect(yield* server.readExactly(1)).toEqual(Buffer.from("x"));
      yield* client.close();
      yield* server.close();
    }));

  test("a connection that is cut after any number of bytes is an error on both sides, and leaves nothing", () =>
    really(function* (g) {
      const whole = (yield* through(g, {})).passed;
      expect(whole).toBeGreaterThan(2000);
      for (let at = 0; at < whole; at += 97) {
        const { errors } = yield* through(g, {
          pass: (chunk, _to, before) => (before + chunk.length > at ? "cut" : chunk),
        });
        // At the very end one of them may have had all it needed.
        expect(errors.some((error) => error instanceof TlsError)).toBe(true);
        for (const error of errors)
          if (error !== undefined)
            expect(error).toHaveProperty("name", expect.stringMatching(/TlsError|IncompleteError|BrokenError/));
      }
    }));

  test("a byte that is changed on the way is found, wherever it is", () =>
    really(function* (g) {
      const whole = (yield* through(g, {})).passed;
      for (let at = 3; at < whole; at += 211) {
        let changed = false;
        const { errors } = yield* through(g, {
          pass(chunk, _to, before) {
            if (changed || before + chunk.length <= at) return chunk;
            changed = true;
            const copy = new Uint8Array(chunk);
            const place = at - before;
            copy[place] = (copy[place] as number) ^ 0x55;
            return copy;
          },
        });
        expect(changed).toBe(true);
        expect(errors.some((error) => error instanceof TlsError)).toBe(true);
      }
    }));

  test("a handshake that is cancelled at any step leaves nothing, and its peer is told", () =>
    really(function* (g) {
      for (const who of ["client", "server"] as const) {
        for (let at = 1; at < 9; at++) {
          let steps = 0;
          let cancel = (): void => {};
          const line = wire(g, {
            pass(chunk) {
              if (++steps === at) cancel();
              return chunk;
            },
          });
          const client = g.spawn(() => thrownOrUsed(() => asClient(line.client)));
          const server = g.spawn(() => thrownOrUsed(() => asServer(line.server)));
          const [victim, other] = who === "client" ? [client, server] : [server, client];
          cancel = () => victim.cancel();
          yield* victim.ended();
          yield* other.ended();
          expect(line.client.statistics().state).toBe("closed");
          expect(line.server.statistics().state).toBe("closed");
        }
      }
    }));

  function* thrownOrUsed(start: () => Operation<TlsStream>): Generator<any, unknown, any> {
    let stream: TlsStream | undefined;
    try {
      stream = yield* start();
      yield* stream.write("x");
      return yield* stream.read();
    } catch (error) {
      if (!(error instanceof Error) || !/Error/.test(error.name)) throw error;
      return error;
    } finally {
      stream?.abort();
    }
  }

  test("on sockets too: cancelled handshakes give their descriptors back", () =>
    really(function* (g) {
      const listener = yield* listen({ host: "127.0.0.1", port: 0 });
      for (let i = 0; i < 20; i++) {
        const socket = yield* connect({ host: "127.0.0.1", port: listener.address.port });
        const accepted = yield* listener.accept();
        const [client, server] = [
          g.spawn(() => thrownOrUsed(() => asClient(socket))),
          g.spawn(() => thrownOrUsed(() => asServer(accepted))),
        ];
        for (let turns = 0; turns < i % 5; turns++) yield* turn();
        client.cancel();
        server.cancel();
        yield* client.ended();
        yield* server.ended();
      }
      listener.close();
    }));

  test("nobody shakes hands a second time", () =>
    really(function* () {
      const { ca, server } = certificates();
      const listener = yield* listenTls({ host: "127.0.0.1", port: 0, ...server, maxVersion: "TLSv1.2" });
      const theirs = nodeTls.connect({ host: "127.0.0.1", port: listener.address.port, ca, servername: "localhost" });
      const gone = new Promise((resolve) => theirs.on("error", () => {}).once("close", resolve));
      const ours = yield* listener.accept();
      theirs.once("data", () => theirs.renegotiate({}, () => {}));
      yield* ours.write("x");
      expect(yield* thrownBy(() => ours.read())).toMatchObject({ check: "renegotiation" });
      yield* ours.close();
      theirs.destroy();
      yield* until(gone);
      listener.close();
    }));

  test("a writer waits for a slow reader, and no more than so much lies in between", () =>
    really(function* (g) {
      const listener = yield* listen({ host: "127.0.0.1", port: 0 });
      const socket = yield* connect({ host: "127.0.0.1", port: listener.address.port });
      const accepted = yield* listener.accept();
      listener.close();
      const [client, server] = yield* all([() => asClient(socket), () => asServer(accepted)]);
      const [piece, pieces] = [1024 * 1024, 24];
      const writer = g.spawn(function* () {
        for (let i = 0; i < pieces; i++) yield* client.write(new Uint8Array(piece).fill(i));
        yield* client.end();
      });
      let most = 0;
      let read = 0;
      for (let chunk = yield* server.read(4096); chunk !== undefined; chunk = yield* server.read(65_536)) {
        for (const byte of [chunk[0], chunk.at(-1)]) expect(byte).toBeLessThan(pieces);
        expect(chunk[0]).toBe(Math.floor(read / piece));
        read += chunk.length;
        most = Math.max(most, server.buffered, client.statistics().unsent);
        if (read % 7 === 0) yield* turn();
      }
      expect(read).toBe(piece * pieces);
      // The piece that is being written, once as it is and once encrypted, and what lies in buffers.
      expect(most).toBeLessThan(3 * piece);
      yield* writer;
      yield* client.close();
      yield* server.close();
    }));

  test("what nobody reads stays with the writer", () =>
    really(function* (g) {
      const [a, b] = memoryPair();
      const [client, server] = yield* all([() => asClient(a), () => asServer(b)]);
      const piece = 256 * 1024;
      const writer = g.spawn(function* () {
        for (;;) yield* client.write(new Uint8Array(piece));
      });
      yield* server.read(1);
      // Until nothing moves any more; without an end to it, that would be never.
      for (let still = 0, last = -1; still < 100; still++) {
        if (client.bytesWritten > 16 * piece) break;
        if (client.bytesWritten !== last) still = 0;
        last = client.bytesWritten;
        yield* turn();
      }
      expect(client.bytesWritten).toBeLessThanOrEqual(4 * piece);
      writer.cancel();
      yield* writer.ended();
      yield* client.close();
      yield* server.close();
    }));

  test("a close does not wait for a peer that never answers", () =>
    really(function* (g) {
      const line = wire(g);
      const [client, server] = yield* all([() => asClient(line.client), () => asServer(line.server)]);
      // The server's task never reads again; the client's close ends all the same, and so does a cancelled one.
      yield* client.close();
      const closing = g.spawn(() => server.close());
      closing.cancel();
      yield* closing.ended();
      expect(server.statistics().state).not.toBe("open");
      yield* server.close();
    }));
});
