import { connect as nodeConnect } from "node:net";
import { describe, expect, test } from "vitest";
import { group, type Group, type Operation, run, scope, until } from "../index.ts";
import { certificates, noOpenssl } from "../../tests/certificates.ts";
import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { type ByteStream, connect, connectTls, listenTls, serveTls, type TlsError } from "./index.ts";

if (noOpenssl !== undefined) console.log(`the tests of TLS servers are skipped: ${noOpenssl}`);

const really = <T>(body: (g: Group) => Operation<T>): Promise<T> => leavesNothing(() => run(() => group(body)));

/** A turn of the host. */
const turn = (): Operation<unknown> => until(new Promise((resolve) => setImmediate(resolve)));

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

describe.skipIf(noOpenssl !== undefined)("a TLS server", () => {
  function* echo(stream: ByteStream): Generator<any, void, any> {
    for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read())
      yield* stream.write(chunk);
  }

  test("is not held up by clients that say nothing, or something else, and counts them", () =>
    really(function* (g) {
      const { ca, server } = certificates();
      const listener = yield* listenTls({ host: "127.0.0.1", port: 0, ...server });
      const { port } = listener.address;
      const errors: unknown[] = [];
      const onError = (error: unknown): void => void errors.push((error as TlsError).check);
      const serving = g.spawn(() => serveTls(listener, echo, { onError }));

      const silent = yield* connect({ host: "127.0.0.1", port });
      const garbage = yield* connect({ host: "127.0.0.1", port });
      yield* garbage.write("GET / HTTP/1.1\r\n\r\n");
      // An alert, perhaps, and then the end.
      yield* thrownBy(function* () {
        while ((yield* garbage.read()) !== undefined);
      });
      const stream = yield* connectTls({ host: "127.0.0.1", port, ca });
      yield* stream.write("hello");
      expect(text(yield* stream.readExactly(5))).toBe("hello");
      expect(listener.statistics()).toMatchObject({ accepted: 3, handshaking: 1, secured: 1, failed: 1 });
      yield* stream.close();
      yield* silent.close();
      yield* garbage.close();
      while (listener.statistics().failed < 2) yield* turn();
      expect(errors).toEqual(["not tls", "handshake"]);
      g.stop({ within: 1000 });
      yield* serving;
    }));

  test("gives a handshake so much time and no more", () =>
    really(function* (g) {
      const { server } = certificates();
      const listener = yield* listenTls({ host: "127.0.0.1", port: 0, ...server, handshakeTimeout: 20 });
      const errors: TlsError[] = [];
      g.spawn(() => serveTls(listener, echo, { onError: (error) => void errors.push(error as TlsError) }));
      const silent = yield* connect({ host: "127.0.0.1", port: listener.address.port });
      yield* thrownBy(() => silent.read());
      expect(errors).toMatchObject([{ check: "handshake timeout" }]);
      yield* silent.close();
      listener.close();
    }));

  test("tells of what a handler throws, with its stream", () =>
    really(function* (g) {
      const { ca, server } = certificates();
      const listener = yield* listenTls({ host: "127.0.0.1", port: 0, ...server });
      const told: [unknown, string][] = [];
      g.spawn(() =>
        serveTls(
          listener,
          function* (stream) {
            yield* stream.read();
            throw new Error("of the handler");
          },
          { onError: (error, stream) => void told.push([(error as Error).message, stream.label.slice(0, 4)]) },
        ),
      );
      const stream = yield* connectTls({ host: "127.0.0.1", port: listener.address.port, ca });
      yield* stream.write("x");
      // Half an answer is none: there is no orderly end.
      expect(yield* thrownBy(() => stream.read())).toMatchObject({
        name: expect.stringMatching(/BrokenError|TlsError/),
      });
      expect(told).toEqual([["of the handler", "tls "]]);
      yield* stream.close();
      listener.close();
    }));

  test("shows a renewed certificate to those who come, and keeps those who are there", () =>
    really(function* (g) {
      const { ca, server, renewed } = certificates();
      const listener = yield* listenTls({ host: "127.0.0.1", port: 0, ...server });
      const { port } = listener.address;
      g.spawn(() => serveTls(listener, echo));
      const to = { host: "localhost", family: 4, port, ca } as const;
      const before = yield* connectTls(to);
      listener.update(renewed);
      expect(() => listener.update({ cert: "no certificate" })).toThrow(TypeError);
      const after = yield* connectTls(to);
      expect(before.tls.peerCertificate?.subject).toBe("CN=server");
      expect(after.tls.peerCertificate?.subject).toBe("CN=renewed");
      for (const stream of [before, after]) {
        yield* stream.write("hello");
        expect(text(yield* stream.readExactly(5))).toBe("hello");
        yield* stream.close();
      }
      listener.close();
    }));

  test("that is stopped during a handshake leaves nothing", () =>
    really(function* () {
      const { server } = certificates();
      const listener = yield* listenTls({ host: "127.0.0.1", port: 0, ...server });
      const socket = nodeConnect(listener.address.port, "127.0.0.1");
      const left = yield* scope(function* (s) {
        yield* group(function* (g) {
          g.spawn(() => serveTls(listener, echo));
          while (listener.statistics().handshaking === 0) yield* turn();
          s.cancel();
        });
      });
      expect(left.cancelled).toBe(true);
      expect(listener.statistics()).toMatchObject({ handshaking: 0, secured: 0 });
      yield* until(
        new Promise((resolve) =>
          socket
            .on("error", () => {})
            .once("close", resolve)
            .resume(),
        ),
      );
      listener.close();
    }));
});
