/** Node's own quirks, against the real thing: what its sockets do that a stream must not. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { duplexPair, PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { leavesNothing } from "../../../tests/leaks.ts";
import { thrownBy } from "../../../tests/virtual.ts";
import { BrokenError, group, type Operation, run, sleep } from "../../index.ts";
import { ByteStream, connect, fromSystemError, listen } from "../index.ts";
import type { Sink } from "../transport.ts";
import { NodeTransport } from "./transport.ts";

/** A server of Node's own on the loopback, and a stream of ours that is connected to it. */
function against(
  onSocket: (socket: net.Socket) => void,
  body: (stream: ByteStream, server: net.Server) => Operation<void>,
): Promise<void> {
  return leavesNothing(async () => {
    const sockets: net.Socket[] = [];
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket.on("error", () => {}));
      onSocket(socket);
    });
    await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
    try {
      await run(function* () {
        const { port } = server.address() as net.AddressInfo;
        const stream = yield* connect({ host: "127.0.0.1", port });
        try {
          yield* body(stream, server);
        } finally {
          stream.abort();
          yield* stream.close();
        }
      });
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => void server.close(done));
    }
  });
}

/** Waits for something that the host does. */
function* until(holds: () => boolean): Generator<any, void, any> {
  while (!holds()) yield* sleep(1);
}

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

describe("half a connection", () => {
  test("goes on when the peer has ended: what is written still arrives", () => {
    let heard = "";
    return against(
      (socket) => {
        socket.end("that was all from me");
        socket.on("data", (chunk) => (heard += String(chunk)));
      },
      function* (stream) {
        expect(text(yield* stream.read())).toBe("that was all from me");
        expect(yield* stream.read()).toBe(undefined);
        yield* stream.write("but not from me");
        yield* until(() => heard !== "");
        expect(heard).toBe("but not from me");
        yield* stream.close();
      },
    );
  });

  test("goes on when this side has ended: what the peer writes is still read", () =>
    against(
      (socket) => socket.resume().on("end", () => socket.end("the answer")),
      function* (stream) {
        yield* stream.write("the question");
        yield* stream.end();
        expect(text(yield* stream.read())).toBe("the answer");
        expect(yield* stream.read()).toBe(undefined);
      },
    ));

  test("is over when both have ended, without anybody closing it", () =>
    against(
      (socket) => socket.resume().on("end", () => socket.end()),
      function* (stream) {
        yield* stream.end();
        expect(yield* stream.read()).toBe(undefined);
        yield* until(() => stream.statistics().state === "closed");
        yield* stream.close();
      },
    ));

  test("can be given up while the end is on its way, and the descriptor comes back", () =>
    against(
      (socket) => void socket.pause(),
      function* (stream) {
        yield* stream.write(new Uint8Array(60_000));
        yield* stream.end();
        stream.abort();
        yield* stream.close();
      },
    ));
});

describe("a reset", () => {
  // 128 KiB are the stream's, 64 KiB Node's; what is left fits into the window of the connection.
  const MUCH = 250_000;

  test("does not take away what had come before it, in the stream, in Node's buffer, or in the system's", () => {
    let sent = false;
    let peer: net.Socket | undefined;
    return against(
      (socket) => {
        peer = socket;
        socket.write(new Uint8Array(MUCH).fill(1), () => (sent = true));
      },
      function* (stream) {
        // It flows until the marks are reached; the rest stays where it is.
        yield* stream.readExactly(1);
        yield* until(() => sent && stream.statistics().paused);
        peer?.resetAndDestroy();
        yield* until(() => (peer as net.Socket).closed);
        let got = 1;
        const error = yield* thrownBy(function* () {
          for (;;) got += ((yield* stream.read()) as Uint8Array).length;
        });
        expect(error).toBeInstanceOf(BrokenError);
        expect((error as Error).message).toContain("the peer has reset the connection (ECONNRESET)");
        expect(got).toBe(MUCH);
      },
    );
  });

  test("delivers what Node had read and the stream had not asked for", async () => {
    // Node's buffer alone, without a network: the transport is paused, and the socket fails.
    const [near, far] = duplexPair({ allowHalfOpen: true });
    const transport = new NodeTransport(near);
    const heard: string[] = [];
    const closed = new Promise<Error | null>((resolve) => {
      const sink: Sink = {
        received: (chunk) => void heard.push(Buffer.from(chunk).toString()),
        ended: () => void heard.push("end"),
        drained: () => void heard.push("room"),
        closed: resolve,
      };
      transport.open(sink);
    });
    transport.resume();
    await new Promise((done) => setImmediate(done));
    transport.pause();
    far.write("kept");
    await new Promise((done) => setImmediate(done));
    expect(heard).toEqual([]);
    near.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    expect(await closed).toBeInstanceOf(BrokenError);
    expect(heard).toEqual(["kept"]);
    far.destroy();
  });

  test("wakes a reader and those who write", () => {
    let peer: net.Socket | undefined;
    return against(
      (socket) => {
        peer = socket.pause();
      },
      function* (stream) {
        yield* group(function* (g) {
          const reader = g.spawn(thrownBy(() => stream.read()));
          const writer = g.spawn(thrownBy(() => stream.write(new Uint8Array(50_000_000))));
          const behind = g.spawn(thrownBy(() => stream.write("more")));
          yield* until(() => stream.statistics().writing === 2 && stream.statistics().reading);
          peer?.resetAndDestroy();
          for (const task of [reader, writer, behind]) {
            const error = (yield* task) as Error;
            expect(error).toBeInstanceOf(BrokenError);
            expect(error.message).toMatch(/tcp 127\.0\.0\.1:\d+ > 127\.0\.0\.1:\d+/);
          }
        });
      },
    );
  });

  test("is what the peer of an aborted stream gets", () => {
    let code: string | undefined;
    return against(
      (socket) => socket.resume().on("error", (error: NodeJS.ErrnoException) => (code = error.code)),
      function* (stream) {
        yield* stream.write("x");
        stream.abort();
        yield* until(() => code !== undefined);
        expect(code).toBe("ECONNRESET");
      },
    );
  });
});

describe("a stream of somebody else's", () => {
  test("that answers inside a write does not call back inside it", async () => {
    await leavesNothing(() =>
      run(function* () {
        const stream = new ByteStream(new NodeTransport(new PassThrough({ allowHalfOpen: true })));
        for (const word of ["one", "two", "three"]) {
          yield* stream.write(word);
          expect(text(yield* stream.read())).toBe(word);
        }
        yield* stream.end();
        expect(yield* stream.read()).toBe(undefined);
        yield* stream.close();
      }),
    );
  });

  test("that gives text is read as bytes", () =>
    run(function* () {
      const source = new PassThrough();
      source.setEncoding("utf8");
      const stream = new ByteStream(new NodeTransport(source));
      yield* stream.write("grüße");
      expect(text(yield* stream.read())).toBe("grüße");
      stream.abort();
    }));

  test("in object mode is an error that says so", () =>
    run(function* () {
      const source = new PassThrough({ objectMode: true });
      const stream = new ByteStream(new NodeTransport(source));
      source.write({ no: "bytes" });
      const error = (yield* thrownBy(() => stream.read())) as Error;
      expect(error.message).toContain("is in object mode");
    }));

  test("keeps none of our listeners when it is over", () =>
    run(function* () {
      const source = new PassThrough();
      const events = ["data", "end", "drain", "error", "close"];
      const before = events.map((event) => source.listenerCount(event));
      const stream = new ByteStream(new NodeTransport(source));
      yield* stream.write("x");
      yield* stream.read();
      yield* stream.close();
      expect(events.map((event) => source.listenerCount(event))).toEqual(before);
    }));

  test("that its owner destroys is broken, and says that it was not us", () =>
    run(function* () {
      const source = new PassThrough();
      const stream = new ByteStream(new NodeTransport(source));
      source.destroy();
      const error = (yield* thrownBy(() => stream.read())) as Error;
      expect(error).toBeInstanceOf(BrokenError);
      expect(error.message).toContain("destroyed by somebody else");
    }));

  test("that was destroyed before is told so as well", () =>
    run(function* () {
      const source = new PassThrough();
      source.destroy();
      yield* until(() => source.closed);
      const stream = new ByteStream(new NodeTransport(source));
      expect(yield* thrownBy(() => stream.read())).toBeInstanceOf(BrokenError);
      yield* stream.close();
    }));
});

describe("a transport that is paused and resumed", () => {
  test("gives every byte once and in order, also what Node has read meanwhile, and the end after it", () => {
    // So much that Node's own buffer fills, and in pieces whose numbers tell where they belong.
    const sent = Buffer.alloc(2_000_000);
    for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i);
    return leavesNothing(async () => {
      const server = net.createServer((socket) => socket.on("error", () => {}).end(sent));
      await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
      const { port } = server.address() as net.AddressInfo;
      const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      socket.pause();
      await new Promise((done) => socket.once("connect", done));
      const transport = new NodeTransport(socket);
      const chunks: Uint8Array[] = [];
      let after = "";
      let late = 0;
      await new Promise<void>((done) => {
        const sink: Sink = {
          received(chunk) {
            chunks.push(chunk);
            // Each time for a while that lets more come, or for a moment, or inside the same event.
            transport.pause();
            const count = chunks.length;
            if (count % 3 === 0) setTimeout(() => transport.resume(), 2);
            else if (count % 3 === 1) setImmediate(() => transport.resume());
            else transport.resume();
          },
          ended() {
            after = `${chunks.reduce((sum, { length }) => sum + length, 0)} bytes`;
            transport.close();
          },
          drained: () => {},
          closed: () => done(),
        };
        transport.open(sink);
        transport.resume();
        // Nothing is told inside a call.
        late = chunks.length;
      });
      expect(late).toBe(0);
      expect(after).toBe("2000000 bytes");
      expect(Buffer.concat(chunks).equals(sent)).toBe(true);
      await new Promise((done) => void server.close(done));
    });
  });

  test("that stays paused lets the peer wait, and holds no more than Node's buffer", () => {
    let unread = 0;
    return against(
      (socket) => {
        const more = (): void => {
          while (socket.write(Buffer.alloc(64 * 1024)));
        };
        socket.on("drain", more);
        more();
        unread = socket.writableLength;
      },
      function* (stream) {
        yield* stream.read();
        // What comes and is not read fills the stream, then Node, then the system; then the peer has to wait.
        let before = -1;
        while (stream.bytesRead !== before) {
          before = stream.bytesRead;
          yield* sleep(30);
        }
        expect(stream.statistics().paused).toBe(true);
        expect(stream.buffered).toBeLessThan(128 * 1024 + 2 * 64 * 1024);
        expect(unread).toBeGreaterThan(0);
      },
    );
  });
});

describe("a slow peer", () => {
  test("holds the writer back, and what is unsent stays bounded", () => {
    let peer: net.Socket | undefined;
    return against(
      (socket) => {
        peer = socket.pause();
      },
      function* (stream) {
        const block = new Uint8Array(256 * 1024);
        let most = 0;
        let written = 0;
        yield* group(function* (g) {
          const writer = g.spawn(function* () {
            for (let i = 0; i < 100; i++) {
              yield* stream.write(block);
              written += block.length;
              most = Math.max(most, stream.statistics().unsent);
            }
            yield* stream.end();
          });
          // The system takes some megabytes for itself; then it stands.
          let before = -1;
          yield* until(() => peer !== undefined);
          while (before !== written) {
            before = written;
            yield* sleep(20);
          }
          expect(written).toBeLessThan(100 * block.length);
          expect(most).toBeLessThanOrEqual(64 * 1024 + block.length);
          let got = 0;
          (peer as net.Socket).on("data", (chunk) => (got += chunk.length)).resume();
          yield* writer;
          yield* until(() => got === 100 * block.length);
        });
      },
    );
  });
});

describe("a process without descriptors", () => {
  const source = new URL("../../", import.meta.url);
  const server = (options: string, backlog: number): string => `
    import { run, sleep } from ${JSON.stringify(new URL("index.ts", source).href)};
    import { listen, serve } from ${JSON.stringify(new URL("net/index.ts", source).href)};
    const say = (what) => process.stdout.write(JSON.stringify(what) + "\\n");
    await run(function* () {
      const listener = yield* listen({ host: "127.0.0.1", port: 0, backlog: ${backlog} });
      say({ port: listener.address.port });
      process.stdin.on("data", () => say(listener.statistics()));
      yield* serve(listener, function* (stream) {
        for (let data = yield* stream.read(); data !== undefined; data = yield* stream.read()) yield* stream.write(data);
      }, ${options});
    });
  `;

  /** Runs a server in a process that may have 64 descriptors; `ask` gives the statistics of its listener. */
  async function limited(
    script: string,
    body: (port: number, ask: () => Promise<Record<string, number>>) => Promise<void>,
  ): Promise<void> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rondo-"));
    const file = path.join(folder, "server.mjs");
    fs.writeFileSync(file, script);
    const node = [process.execPath, "--conditions=rondo-source", "--no-warnings", file];
    const child = spawn("/bin/sh", ["-c", 'ulimit -n 64; exec "$@"', "sh", ...node], {
      cwd: fileURLToPath(source),
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines: string[] = [];
    const waiting: ((line: string) => void)[] = [];
    let rest = "";
    child.stdout.on("data", (chunk) => {
      const parts = (rest + String(chunk)).split("\n");
      rest = parts.pop() as string;
      for (const line of parts) (waiting.shift() ?? ((said: string) => lines.push(said)))(line);
    });
    const next = async (): Promise<any> =>
      JSON.parse(lines.shift() ?? (await new Promise<string>((resolve) => waiting.push(resolve))));
    try {
      const { port } = (await next()) as { port: number };
      await body(port, () => {
        child.stdin.write("?\n");
        return next() as Promise<Record<string, number>>;
      });
    } finally {
      const over = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      await over;
      fs.rmSync(folder, { recursive: true });
    }
  }

  /** Knocks so many times; each socket says whether the server has answered it, or closed it. */
  async function knock(
    port: number,
    count: number,
  ): Promise<{ sockets: net.Socket[]; answered: () => number; over: () => number }> {
    let answered = 0;
    let over = 0;
    const sockets: net.Socket[] = [];
    for (let i = 0; i < count; i++) {
      const socket = net.connect({ host: "127.0.0.1", port });
      socket.on("error", () => {}).on("close", () => over++);
      socket.on("data", () => answered++);
      socket.on("end", () => socket.end());
      await new Promise((done) => socket.once("connect", done).once("close", done));
      socket.write("x");
      sockets.push(socket);
    }
    return { sockets, answered: () => answered, over: () => over };
  }

  const soon = (): Promise<void> => new Promise((done) => void setTimeout(done, 2));

  async function answers(port: number): Promise<boolean> {
    const { sockets, answered, over } = await knock(port, 1);
    while (answered() + over() === 0) await soon();
    for (const socket of sockets) socket.destroy();
    return answered() === 1;
  }

  test("goes on serving, and recovers when there are some again", { tags: ["long"] }, () =>
    leavesNothing(() =>
      limited(server("{}", 511), async (port) => {
        const { sockets, answered, over } = await knock(port, 100);
        // Each one is served or closed: nobody hangs.
        while (answered() + over() < 100) await soon();
        expect(answered()).toBeGreaterThan(20);
        expect(over()).toBeGreaterThan(20);
        // Those that were served still are.
        const before = answered();
        for (const socket of sockets) if (!socket.destroyed) socket.write("again");
        while (answered() < 2 * before) await soon();
        for (const socket of sockets) socket.destroy();
        while (!(await answers(port))) await soon();
      }),
    ),
  );

  test("is not reached with maxConnections and a backlog, and what is dropped is counted", { tags: ["long"] }, () =>
    leavesNothing(() =>
      limited(server("{ maxConnections: 10 }", 5), async (port, ask) => {
        const { sockets, answered, over } = await knock(port, 100);
        while (answered() < 10 || over() < 85) await soon();
        expect(await ask()).toMatchObject({ accepted: 10, waiting: 5, dropped: 85 });
        for (const socket of sockets) socket.destroy();
        while (!(await answers(port))) await soon();
      }),
    ),
  );
});

describe("errors", () => {
  test("of the system are ours, by one mapping", () => {
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    expect(fromSystemError(reset, "tcp a > b")).toBeInstanceOf(BrokenError);
  });

  test("that come while a server accepts end the connection that they belong to, and no other", () =>
    leavesNothing(() =>
      run(function* () {
        const listener = yield* listen({ host: "127.0.0.1", port: 0 });
        const { port } = listener.address;
        for (let i = 0; i < 30; i++) {
          const hasty = new net.Socket().on("error", () => {}).connect({ host: "127.0.0.1", port });
          hasty.once("connect", () => hasty.resetAndDestroy());
        }
        const patient = yield* connect({ host: "127.0.0.1", port });
        for (;;) {
          const stream = yield* listener.accept();
          if (stream.remoteAddress?.port === patient.localAddress?.port) {
            yield* stream.write("you are served");
            yield* stream.close();
            break;
          }
          stream.abort();
          yield* stream.close();
        }
        expect(text(yield* patient.read())).toBe("you are served");
        yield* patient.close();
        listener.close();
      }),
    ));
});

describe("what is alone and goes to the system at once", () => {
  /** Numbers in pieces of a KiB, by turns as one chunk and as two. */
  function* numbered(stream: ByteStream, count: number): Generator<any, void, any> {
    for (let i = 0; i < count; i++) {
      const piece = Buffer.alloc(1024);
      piece.writeUInt32BE(i);
      yield* stream.write(i % 3 === 0 ? piece : [piece.subarray(0, 512), piece.subarray(512)]);
    }
  }

  test("never overtakes what waits in Node's line, however the two take turns", async () => {
    const COUNT = 16_384;
    const numbers: number[] = [];
    let rest = Buffer.alloc(0);
    let peer: net.Socket | undefined;
    await against(
      (socket) => (peer = socket.pause()),
      (stream) =>
        group(function* (g) {
          const writing = g.spawn(numbered(stream, COUNT));
          yield* until(() => writing.state === "waiting" && writing.waitingFor !== "turn" && peer !== undefined);
          yield* until(() => stream.statistics().unsent > 0);
          (peer as net.Socket).on("data", (chunk: Buffer) => {
            rest = Buffer.concat([rest, chunk]);
            let at = 0;
            for (; rest.length - at >= 1024; at += 1024) numbers.push(rest.readUInt32BE(at));
            rest = rest.subarray(at);
          });
          (peer as net.Socket).resume();
          yield* writing;
          yield* until(() => numbers.length === COUNT);
        }),
    );
    expect(numbers.findIndex((number, i) => number !== i)).toBe(-1);
  });

  test("is held back when the peer does not read: small writes wait as large ones do", () =>
    against(
      (socket) => void socket.pause(),
      (stream) =>
        group(function* (g) {
          let written = 0;
          const writing = g.spawn(function* () {
            for (; written < 64 * 1024; written++) yield* stream.write(new Uint8Array(1024));
          });
          let before = -1;
          // Until nothing more has been taken for a while: then it waits, and did not come to its end.
          while (before !== written) {
            before = written;
            for (let i = 0; i < 20; i++) yield* sleep(1);
          }
          expect(writing.state).toBe("waiting");
          expect(written).toBeLessThan(64 * 1024);
          writing.cancel();
        }),
    ));
});
