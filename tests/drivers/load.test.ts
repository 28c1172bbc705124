// Our server under load (wrk), and under slow attacks (slowhttptest) while others want to be served: they all are, those who
// are slow end at their limits, and what they cost is bounded. What it does to the others' waiting is printed, and not asserted.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  bytes,
  compressed,
  files,
  type HttpRequest,
  type HttpServer,
  type ServeOptions,
  stream,
  text,
} from "@rondo/http";
import { type Coroutine, Flow, type Operation, sleep, until } from "rondo";
import { afterAll, describe, expect, test } from "vitest";

import { besideServer, lacking } from "./web.ts";

/** Runs a program to its end, and gives what it said. */
function program(command: string, args: readonly string[]): Operation<string> {
  return until(
    new Promise<string>((resolve, reject) => {
      const settings = { timeout: 30_000, env: { ...process.env, TERM: "dumb" } };
      execFile(command, args, settings, (error, stdout, stderr) => {
        if (error === null || command === "slowhttptest") resolve(stdout + stderr);
        else reject(error);
      });
    }),
  );
}

/** What wrk counted. */
interface Load {
  readonly requests: number;
  /** As wrk writes it, with its unit. */
  readonly p99: string;
}

/** Puts load on an address for so many seconds. Throws where a single answer was missing or not good. */
function* wrk(url: string, connections: number, seconds: number, ...args: readonly string[]): Coroutine<Load> {
  const said = yield* program("wrk", [
    ...["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "--timeout", "5s"],
    ...args,
    url,
  ]);
  expect(said).not.toMatch(/Socket errors|Non-2xx/);
  const requests = Number(/(\d+) requests in/.exec(said)?.[1]);
  expect(requests).toBeGreaterThan(0);
  return { requests, p99: /99%\s+(\S+)/.exec(said)?.[1] ?? "?" };
}

/** Until nobody is connected any more. */
function* nobody(server: HttpServer): Coroutine<void> {
  while (server.metrics().connections > 0) yield* sleep(5);
}

const folder = mkdtempSync(join(tmpdir(), "rondo-load-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "big.bin"), new Uint8Array(2_000_000));
writeFileSync(join(folder, "huge.bin"), new Uint8Array(10_000_000));
const fromFolder = files(folder);

const noWrk = lacking("wrk");
if (noWrk !== undefined) {
  test("our server under load", ({ skip }) => skip(noWrk));
} else {
  describe("under load of wrk", { timeout: 30_000 }, () => {
    const page = compressed(() => text("the same again and again\n".repeat(200)));
    const chunks = (): ReturnType<typeof stream> => stream(Flow.from(["a", "b", "c"]));
    test.each([
      ["short answers", () => text("hello"), []],
      ["answers in chunks", chunks, []],
      ["files", fromFolder, ["/big.bin"]],
      ["compressed answers", page, ["/", "-H", "Accept-Encoding: gzip"]],
      ["answers of a megabyte", () => bytes(new Uint8Array(1_000_000)), []],
      ["connections of one request each", () => text("hello"), ["/", "-H", "Connection: close"]],
    ] as const)("%s: no error, and nothing is left behind", (_, handler, [path = "/", ...args]) =>
      besideServer({ handler: handler as ServeOptions["handler"] }, function* (server) {
        const { requests } = yield* wrk(`${server.url}${path}`, 50, 1, ...args);
        yield* nobody(server);
        const counted = server.metrics();
        // wrk leaves in the middle of what is under way when its time is over.
        expect(counted.requests).toBeGreaterThanOrEqual(requests);
        expect(counted).toMatchObject({ inFlight: 0, malformed: 0 });
        expect(counted.timedOut).toEqual({ head: 0, body: 0, idle: 0, handler: 0, write: 0 });
      }),
    );

    test("a pipeline of wrk's, with several handlers at work", () => {
      const script = join(folder, "pipeline.lua");
      writeFileSync(
        script,
        `init = function(args) local r = {} for i = 1, 16 do r[i] = wrk.format("GET", "/" .. i) end req = table.concat(r) end
         request = function() return req end`,
      );
      function* handler(request: HttpRequest): Coroutine<ReturnType<typeof text>> {
        yield* sleep(0);
        return text(request.path);
      }
      return besideServer({ handler, limits: { pipelined: 8 } }, function* (server) {
        yield* wrk(server.url, 20, 1, "-s", script);
        yield* nobody(server);
        expect(server.metrics()).toMatchObject({ inFlight: 0, malformed: 0 });
      });
    });
  });
}

const noSlow = lacking("wrk", "slowhttptest");
if (noSlow !== undefined) {
  test("our server under slow attacks", ({ skip }) => skip(noSlow));
} else {
  describe("under slow attacks", { timeout: 60_000 }, () => {
    let heads = 0;
    function* handler(request: HttpRequest): Coroutine<ReturnType<typeof text>> {
      if (request.method === "HEAD") heads++;
      if (request.path === "/upload") return text(String((yield* request.bytes()).length));
      if (request.path === "/huge.bin") return yield* fromFolder(request);
      return text("hello");
    }
    /** How many attack, how long at the least, and how long anybody may take for anything, in ms. */
    const attackers = 200;
    const seconds = 4;
    const limit = 1500;
    const timeouts = { head: limit, body: limit, idle: limit, write: limit };

    test.each([
      ["heads that never end (slowloris)", ["-H", "-i", "1", "-x", "24"], "/", "head"],
      ["bodies that never end", ["-B", "-i", "1", "-x", "10", "-s", "8192"], "/upload", "body"],
      [
        "answers that are hardly read",
        ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "5", "-k", "1"],
        "/huge.bin",
        "write",
      ],
      ["hundreds of ranges", ["-R", "-t", "HEAD", "-a", "5", "-b", "500"], "/huge.bin", undefined],
    ] as const)("%s: all others are served, and the slow ones end", (name, args, path, phase) =>
      besideServer({ handler, timeouts }, function* (server) {
        const quiet = yield* wrk(server.url, 4, 2);
        yield* nobody(server);
        const before = server.metrics();
        const memory = process.memoryUsage.rss();
        let most = memory;
        let crowd = 0;
        let over = false;
        const attack = until(
          (async () => {
            await new Promise<void>((resolve) => {
              const flags = ["-c", String(attackers), "-r", "200", "-l", String(seconds), "-p", "5"];
              execFile("slowhttptest", [...args, ...flags, "-u", `${server.url}${path}`], { timeout: 30_000 }, () =>
                resolve(),
              );
            });
            over = true;
          })(),
        );
        const watch = setInterval(() => {
          crowd = Math.max(crowd, server.metrics().connections);
          most = Math.max(most, process.memoryUsage.rss());
        }, 20);
        let disturbed: Load;
        try {
          // As long as the attack, and with one connection more for each request, as somebody new would have it.
          disturbed = yield* wrk(server.url, 4, seconds);
          const newcomers = yield* wrk(server.url, 2, 1, "-H", "Connection: close");
          expect(newcomers.requests).toBeGreaterThan(0);
          yield* attack;
        } finally {
          clearInterval(watch);
        }
        expect(over).toBe(true);
        yield* nobody(server);
        const { timedOut, inFlight, malformed } = server.metrics();
        expect([inFlight, malformed]).toEqual([0, before.malformed]);
        // It has come to an attack at all; on a busy machine not all of them attack at the same time, or get to it at all. For
        // ranges it is over as soon as it is answered.
        const some = attackers / 10;
        if (phase === undefined) expect(heads).toBeGreaterThan(some);
        else expect([crowd > some, timedOut[phase] > some]).toEqual([true, true]);
        // What an attacker has to be given: its buffers, and a piece of the answer. All of the file would be ten times that;
        // the collector takes its share as well.
        expect(most - memory).toBeLessThan(attackers * 1024 * 1024);
        console.log(
          `${name}: up to ${crowd} connections, ended by limits: ${JSON.stringify(timedOut)}; p99 of the others ` +
            `${quiet.p99} alone, ${disturbed.p99} meanwhile; ${((most - memory) / 2 ** 20).toFixed(0)} MiB more at most`,
        );
      }),
    );
  });
}
