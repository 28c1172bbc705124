/** What takes long or much: a gigabyte to a slow reader, ten thousand connections that do nothing. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { leavesNothing } from "../../tests/leaks.ts";
import { group, run, sleep } from "../index.ts";
import { type ByteStream, connect, listen, serve } from "./index.ts";

const MIB = 1024 * 1024;

describe("a slow reader with a gigabyte to come", () => {
  test("holds the writer back: memory stays below the marks", { timeout: 600_000 }, () =>
    leavesNothing(() =>
      run(() =>
        group(function* (g) {
          const listener = yield* listen({ host: "127.0.0.1", port: 0 });
          const total = 1024 * MIB;
          const block = new Uint8Array(MIB);
          let unsent = 0;
          let buffered = 0;
          let external = 0;
          g.spawn(
            serve(listener, function* (stream) {
              for (let sent = 0; sent < total; sent += block.length) {
                yield* stream.write(block);
                unsent = Math.max(unsent, stream.statistics().unsent);
              }
            }),
            { daemon: true },
          );
          const stream = yield* connect({ host: "127.0.0.1", port: listener.address.port });
          const before = process.memoryUsage().arrayBuffers;
          let got = 0;
          for (let reads = 1; ; reads++) {
            const data = yield* stream.read();
            if (data === undefined) break;
            got += data.length;
            buffered = Math.max(buffered, stream.buffered);
            // Slow: what has come is looked at now and then, and the peer is far ahead.
            if (reads % 64 === 0) {
              yield* sleep(1);
              external = Math.max(external, process.memoryUsage().arrayBuffers - before);
            }
          }
          expect(got).toBe(total);
          expect(unsent).toBeLessThanOrEqual(64 * 1024 + MIB);
          // The mark, and the chunk that reached it.
          expect(buffered).toBeLessThanOrEqual(128 * 1024 + 64 * 1024);
          console.log(`1 GiB: at most ${(external / MIB).toFixed(1)} MiB of buffers, not collected ones included`);
          expect(external).toBeLessThan(200 * MIB);
          yield* stream.close();
        }),
      ),
    ),
  );
});

describe("ten thousand connections that do nothing", () => {
  // The clients live in a process of their own: only the server's memory is of interest here.
  const clients = `
    import net from "node:net";
    const [port, count] = process.argv.slice(2).map(Number);
    let open = 0;
    const next = (i) => {
      // Several addresses of the loopback, so that there are ports for all.
      const localAddress = "127.0.0." + (2 + (i % 8));
      const socket = net.connect({ port, host: "127.0.0.1", localAddress });
      socket.on("error", (error) => { console.error(error.message); process.exit(1); });
      socket.once("connect", () => { if (++open === count) process.send("open"); });
    };
    for (let i = 0; i < count; i++) setTimeout(next, Math.floor(i / 50) * 5, i);
    process.on("message", () => process.exit(0));
  `;

  /** How many bytes a connection costs a server that accepts with `serveWith`, by the heap and by all of it. */
  async function measured(
    count: number,
    serveWith: (count: number) => Promise<{ port: number; all: Promise<void>; close: () => Promise<void> }>,
  ): Promise<{ heap: number; rss: number }> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rondo-"));
    const file = path.join(folder, "clients.mjs");
    fs.writeFileSync(file, clients);
    const { port, all, close } = await serveWith(count);
    const settle = async (): Promise<NodeJS.MemoryUsage> => {
      for (let i = 0; i < 4; i++) {
        (globalThis as { gc?: () => void }).gc?.();
        await turn();
      }
      return process.memoryUsage();
    };
    const before = await settle();
    const child = spawn(process.execPath, [file, String(port), String(count)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const ended = new Promise((done) => child.once("close", done));
    await Promise.race([all, ended.then(() => Promise.reject(new Error("the clients have ended")))]);
    const after = await settle();
    child.send("end");
    await ended;
    await close();
    fs.rmSync(folder, { recursive: true });
    return { heap: (after.heapUsed - before.heapUsed) / count, rss: (after.rss - before.rss) / count };
  }

  function bare(count: number): ReturnType<Parameters<typeof measured>[1]> {
    return new Promise((resolve) => {
      let open = 0;
      let done = (): void => {};
      const all = new Promise<void>((ready) => (done = ready));
      const server = net.createServer((socket) => {
        socket.on("data", (data) => socket.write(data)).on("error", () => {});
        if (++open === count) done();
      });
      server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
        resolve({
          port: (server.address() as net.AddressInfo).port,
          all,
          close: () => new Promise((closed) => void server.close(() => closed())),
        }),
      );
    });
  }

  function ours(count: number): ReturnType<Parameters<typeof measured>[1]> {
    return new Promise((resolve, reject) => {
      let open = 0;
      let done = (): void => {};
      let stop = (): void => {};
      const all = new Promise<void>((ready) => (done = ready));
      function* echo(stream: ByteStream): Generator<any, void, any> {
        if (++open === count) done();
        for (;;) {
          const data = yield* stream.read();
          if (data === undefined) break;
          yield* stream.write(data);
        }
      }
      const over = run(() =>
        group(function* (g) {
          const listener = yield* listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
          stop = () => g.stop();
          resolve({
            port: listener.address.port,
            all,
            close: () => {
              stop();
              return over;
            },
          });
          yield* serve(listener, echo);
        }),
      );
      over.catch(reject);
    });
  }

  test("cost little more than Node's own sockets", { timeout: 300_000 }, async (context) => {
    const count = 9_500;
    const limit = descriptorLimit();
    if (limit < count + 200) context.skip(`this process may have ${limit} descriptors: raise \`ulimit -n\``);
    if ((globalThis as { gc?: unknown }).gc === undefined) console.log("without --expose-gc the figures are rough");
    await leavesNothing(async () => {
      // Once small, so that code and caches are there.
      for (const make of [bare, ours]) await measured(300, make);
      const [node, rondo] = [await measured(count, bare), await measured(count, ours)];
      console.log(
        `bytes a connection: node:net ${node.heap.toFixed(0)} of heap, ${node.rss.toFixed(0)} in all; ` +
          `rondo ${rondo.heap.toFixed(0)} of heap, ${rondo.rss.toFixed(0)} in all`,
      );
      expect(rondo.heap).toBeLessThan(3 * node.heap);
    });
  });

  function descriptorLimit(): number {
    try {
      const line = fs
        .readFileSync("/proc/self/limits", "utf8")
        .split("\n")
        .find((one) => one.startsWith("Max open files"));
      return Number(line?.split(/\s+/)[3] ?? Infinity);
    } catch {
      return Infinity; // not Linux: the test finds out
    }
  }
});
