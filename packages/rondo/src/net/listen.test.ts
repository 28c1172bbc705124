/** Listening, on the real host: TCP and the files of Unix sockets. What the queue does is tested on a network of our own. */
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { leavesNothing } from "../../tests/leaks.ts";
import { inGroup, thrownBy } from "../../tests/virtual.ts";
import { ClosedError, group, type Operation, run, select, sleep, VirtualHost } from "../index.ts";
import {
  type ByteStream,
  connect,
  connectUnix,
  listen,
  type Listener,
  type ListenerSink,
  listenUnix,
  memoryPair,
  type Network,
  SystemError,
  type Transport,
} from "./index.ts";

const really = <T>(body: () => Operation<T>): Promise<T> => leavesNothing(() => run(body));
const inFolder = <T>(body: (folder: string) => Operation<T>): Promise<T> =>
  leavesNothing(async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rondo-"));
    try {
      return await run(() => body(folder));
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

describe("a listener", () => {
  test("says where it listens, with the port that the system has chosen", () =>
    really(function* () {
      const listener = yield* listen({ host: "127.0.0.1", port: 0 });
      expect(listener.address).toMatchObject({ host: "127.0.0.1", family: "IPv4" });
      expect(listener.address.port).toBeGreaterThan(0);
      expect(listener.label).toBe(`tcp 127.0.0.1:${listener.address.port}`);
      listener.close();
    }));

  test("listens on a name, and on all addresses where none is given", () =>
    really(function* () {
      const named = yield* listen({ host: "localhost", port: 0 });
      expect(["127.0.0.1", "::1"]).toContain(named.address.host);
      named.close();
      const every = yield* listen({ port: 0 });
      const client = yield* connect({ host: "127.0.0.1", port: every.address.port });
      const server = yield* every.accept();
      // An IPv4 peer is one, whatever the socket is that it came in by.
      expect(server.remoteAddress).toMatchObject({ host: "127.0.0.1", family: "IPv4" });
      expect(server.localAddress).toMatchObject({ host: "127.0.0.1", port: every.address.port });
      every.close();
      for (const stream of [client, server]) yield* stream.close();
    }));

  test("works over IPv6, where the machine has it", (context) => {
    const has = Object.values(os.networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
    if (!has) context.skip("this machine has no IPv6 loopback");
    return really(function* () {
      const listener = yield* listen({ host: "::1", port: 0 });
      const client = yield* connect({ host: "::1", port: listener.address.port });
      const server = yield* listener.accept();
      expect(client.label).toContain(`> [::1]:${listener.address.port}`);
      expect(client.remoteAddress).toMatchObject({ host: "::1", family: "IPv6" });
      listener.close();
      for (const stream of [client, server]) yield* stream.close();
    });
  });

  test("on a port that is taken is an error with the system's code", () =>
    really(function* () {
      const first = yield* listen({ host: "127.0.0.1", port: 0 });
      const { port } = first.address;
      const error = (yield* thrownBy(() => listen({ host: "127.0.0.1", port }))) as SystemError;
      expect(error).toBeInstanceOf(SystemError);
      expect(error.code).toBe("EADDRINUSE");
      expect(error.message).toBe(`listen on tcp 127.0.0.1:${port}: the address is in use already (EADDRINUSE)`);
      first.close();
      // Closed, it has given the port back.
      (yield* listen({ host: "127.0.0.1", port })).close();
    }));

  test("several may share a port that they ask to share", (context) =>
    really(function* () {
      const first = yield* listen({ host: "127.0.0.1", port: 0, reusePort: true });
      const { port } = first.address;
      const refused = yield* thrownBy(function* () {
        (yield* listen({ host: "127.0.0.1", port, reusePort: true })).close();
      });
      first.close();
      if (refused !== undefined) context.skip(`this system does not share ports: ${String(refused)}`);
    }));

  test("on an address that this machine does not have is an error", () =>
    really(function* () {
      const error = (yield* thrownBy(() => listen({ host: "192.0.2.1", port: 0 }))) as SystemError;
      expect(error.code).toBe("EADDRNOTAVAIL");
    }));

  test("closed while somebody waits for a connection tells them so, and whoever comes later", () =>
    really(() =>
      group(function* (g) {
        const listener = yield* listen({ host: "127.0.0.1", port: 0 });
        const errors = [g.spawn(thrownBy(() => listener.accept())), g.spawn(thrownBy(() => listener.accept()))];
        while (listener.statistics().accepting < 2) yield* sleep(0);
        listener.close();
        listener.close();
        for (const error of errors) expect(yield* error).toBeInstanceOf(ClosedError);
        const later = (yield* thrownBy(() => listener.accept())) as Error;
        expect(later).toBeInstanceOf(ClosedError);
        expect(later.stack).toContain("listen.test.ts");
      }),
    ));

  test("resets the connections that nobody has accepted when it is closed, and leaves the others alone", () =>
    really(function* () {
      const listener = yield* listen({ host: "127.0.0.1", port: 0 });
      const { port } = listener.address;
      const first = yield* connect({ host: "127.0.0.1", port });
      const second = yield* connect({ host: "127.0.0.1", port });
      const accepted = yield* listener.accept();
      while (listener.statistics().waiting < 1) yield* sleep(0);
      listener.close();
      expect(listener.statistics()).toMatchObject({ accepted: 1, dropped: 1, waiting: 0 });
      expect(yield* thrownBy(() => second.read())).toMatchObject({ name: "BrokenError" });
      yield* accepted.write("still here");
      expect(String(Buffer.from((yield* first.read()) as Uint8Array))).toBe("still here");
      for (const stream of [first, second, accepted]) yield* stream.close();
    }));

  test("gives out a connection whose peer has gone before it was accepted, with what it had sent", () =>
    really(function* () {
      const listener = yield* listen({ host: "127.0.0.1", port: 0 });
      const { port } = listener.address;
      const early = yield* connect({ host: "127.0.0.1", port });
      yield* early.write("sent and gone");
      yield* early.close();
      const reset = yield* connect({ host: "127.0.0.1", port });
      reset.abort();
      yield* reset.close();
      while (listener.statistics().waiting < 2) yield* sleep(0);
      const first = yield* listener.accept();
      expect(String(Buffer.from((yield* first.read()) as Uint8Array))).toBe("sent and gone");
      expect(yield* first.read()).toBe(undefined);
      const second = yield* listener.accept();
      expect(yield* thrownBy(() => second.read())).toMatchObject({ name: "BrokenError" });
      listener.close();
      for (const stream of [first, second]) yield* stream.close();
    }));

  test("loses no connection to an accept that is cancelled", () =>
    really(() =>
      group(function* (g) {
        const listener = yield* listen({ host: "127.0.0.1", port: 0 });
        const { port } = listener.address;
        let got = 0;
        for (let i = 0; i < 20; i++) {
          // Cancelled, or taken, in the same breath in which a connection comes.
          const waiting = g.spawn(select({ stream: listener.accept(), time: sleep(i % 3) }));
          const client = yield* connect({ host: "127.0.0.1", port });
          if (i % 2 === 0) waiting.cancel();
          yield* waiting.ended();
          const taken = waiting.state === "done" ? yield* waiting : undefined;
          const server = taken?.key === "stream" ? taken.value : yield* listener.accept();
          expect(server.remoteAddress?.port).toBe(client.localAddress?.port);
          got++;
          for (const stream of [client, server]) {
            stream.abort();
            yield* stream.close();
          }
        }
        expect(listener.statistics()).toMatchObject({ accepted: got, dropped: 0, waiting: 0 });
        listener.close();
      }),
    ));

  test("takes a bounded number of connections that nobody accepts, and counts those that it drops", () =>
    really(function* () {
      const listener = yield* listen({ host: "127.0.0.1", port: 0, backlog: 3 });
      const clients: ByteStream[] = [];
      for (let i = 0; i < 8; i++) clients.push(yield* connect({ host: "127.0.0.1", port: listener.address.port }));
      for (;;) {
        const { waiting, dropped } = listener.statistics();
        if (waiting + dropped === 8) break;
        yield* sleep(0);
      }
      expect(listener.statistics()).toMatchObject({ waiting: 3, dropped: 5 });
      const served: ByteStream[] = [];
      for (let i = 0; i < 3; i++) served.push(yield* listener.accept());
      // And it takes new ones again.
      clients.push(yield* connect({ host: "127.0.0.1", port: listener.address.port }));
      served.push(yield* listener.accept());
      expect(listener.statistics()).toMatchObject({ accepted: 4, waiting: 0, dropped: 5 });
      listener.close();
      for (const stream of [...clients, ...served]) {
        stream.abort();
        yield* stream.close();
      }
    }));

  test("arguments that make no sense are refused", () =>
    inGroup(function* () {
      expect(yield* thrownBy(() => listen({ port: -1 }))).toBeInstanceOf(RangeError);
      expect(yield* thrownBy(() => listen({ port: 1, backlog: 0 }))).toBeInstanceOf(RangeError);
      expect(yield* thrownBy(() => listenUnix(""))).toBeInstanceOf(TypeError);
    }));
});

describe("a listener whose network can hold connections back", () => {
  test("asks it to when its queue is full, and no more when half of it has been accepted", async () => {
    const said: string[] = [];
    let sink: ListenerSink | undefined;
    const network = {
      listen(_at, _options, given, done) {
        sink = given;
        const door = {
          address: { host: "fake", port: 1, family: "memory" },
          pause: () => said.push("pause"),
          resume: () => said.push("resume"),
          close: () => said.push("close"),
        } as const;
        queueMicrotask(() => done(null, door));
        return () => {};
      },
    } as Partial<Network> as Network;
    const host = new VirtualHost();
    (host as { service?: unknown }).service = (name: string) => (name === "network" ? network : undefined);
    await inGroup(function* () {
      const listener = yield* listen({ host: "1.1.1.1", port: 1, backlog: 4 });
      const knock = (): void => (sink as ListenerSink).accepted(memoryPair()[0]._transport as Transport);
      const take = function* (this: Listener): Generator<any, void, any> {
        (yield* this.accept()).abort();
      };
      for (let i = 0; i < 3; i++) knock();
      expect(said).toEqual([]);
      knock();
      expect(said).toEqual(["pause"]);
      yield* take.call(listener);
      expect(said).toEqual(["pause"]);
      yield* take.call(listener);
      expect(said).toEqual(["pause", "resume"]);
      listener.close();
      expect(said).toEqual(["pause", "resume", "close"]);
      expect(listener.statistics()).toEqual({ accepted: 2, dropped: 2, waiting: 0, accepting: 0 });
    }, host);
  });
});

describe("the file of a Unix socket", () => {
  test("is there while it listens, alone in its folder, and goes with it", () =>
    inFolder(function* (folder) {
      const file = path.join(folder, "service");
      const listener = yield* listenUnix(file);
      expect(fs.readdirSync(folder)).toEqual(["service"]);
      expect(fs.statSync(file).isSocket()).toBe(true);
      expect(listener.address).toEqual({ host: file, port: 0, family: "unix" });
      const client = yield* connectUnix(file);
      const server = yield* listener.accept();
      expect([client.label, server.label]).toEqual([`unix ${file}`, `unix ${file}`]);
      listener.close();
      expect(fs.readdirSync(folder)).toEqual([]);
      for (const stream of [client, server]) yield* stream.close();
    }));

  test("that is not its own any more is left alone", () =>
    inFolder(function* (folder) {
      const file = path.join(folder, "service");
      const first = yield* listenUnix(file);
      fs.unlinkSync(file);
      const second = yield* listenUnix(file);
      first.close();
      expect(fs.readdirSync(folder)).toEqual(["service"]);
      // And it is the second one's, which answers.
      const client = yield* connectUnix(file);
      const server = yield* second.accept();
      second.close();
      expect(fs.readdirSync(folder)).toEqual([]);
      for (const stream of [client, server]) yield* stream.close();
    }));

  test("to which somebody listens is an error", () =>
    inFolder(function* (folder) {
      const file = path.join(folder, "service");
      const first = yield* listenUnix(file);
      for (const replaceStale of [false, true]) {
        const error = (yield* thrownBy(() => listenUnix(file, { replaceStale }))) as SystemError;
        expect(error.code).toBe("EADDRINUSE");
        expect(error.message).toBe(
          `listen on unix ${file}: listen EADDRINUSE: ${file} exists; it is in use, or it is no socket`,
        );
      }
      expect(fs.readdirSync(folder)).toEqual(["service"]);
      // The question whether anybody listens was a connection.
      while (first.statistics().waiting < 2) yield* sleep(0);
      first.close();
    }));

  test("that was left behind is an error that says so, and is replaced where that was asked for", () =>
    inFolder(function* (folder) {
      const file = path.join(folder, "service");
      const old = path.join(folder, "old");
      // A server whose file outlives it.
      const server = net.createServer();
      yield* waitFor((done) => server.listen(old, done));
      fs.linkSync(old, file);
      yield* waitFor((done) => server.close(done));
      const error = (yield* thrownBy(() => listenUnix(file))) as SystemError;
      expect(error.code).toBe("EADDRINUSE");
      expect(error.message).toContain("nobody listens there");
      expect(error.message).toContain("replaceStale");
      const listener = yield* listenUnix(file, { replaceStale: true });
      listener.close();
      expect(fs.readdirSync(folder)).toEqual([]);
    }));

  test("that is no socket is never removed", () =>
    inFolder(function* (folder) {
      const file = path.join(folder, "notes");
      fs.writeFileSync(file, "precious");
      const error = (yield* thrownBy(() => listenUnix(file, { replaceStale: true }))) as SystemError;
      expect(error.code).toBe("EADDRINUSE");
      expect(fs.readFileSync(file, "utf8")).toBe("precious");
      expect(fs.readdirSync(folder)).toEqual(["notes"]);
    }));

  test("cannot be made in a folder that is not there, or under too long a name, which is said", () =>
    inFolder(function* (folder) {
      const missing = (yield* thrownBy(() => listenUnix(path.join(folder, "no", "service")))) as SystemError;
      expect(missing.message).toContain("listen on unix");
      const long = (yield* thrownBy(() => listenUnix(path.join(folder, "x".repeat(120))))) as Error;
      expect(long.message).toMatch(/may have \d+ bytes/);
      expect(fs.readdirSync(folder)).toEqual([]);
    }));

  test("is not needed by an abstract socket", (context) =>
    really(function* () {
      if (process.platform !== "linux") context.skip("only Linux has abstract sockets");
      const name = `\0rondo-test-${process.pid}`;
      const listener = yield* listenUnix(name);
      expect(listener.label).toBe(`unix @rondo-test-${process.pid}`);
      const client = yield* connectUnix(name);
      const server = yield* listener.accept();
      listener.close();
      for (const stream of [client, server]) yield* stream.close();
    }));
});

function* waitFor(begin: (done: () => void) => void): Generator<any, void, any> {
  let over = false;
  begin(() => {
    over = true;
  });
  while (!over) yield* sleep(0);
}
