// A server that is measured: one contestant in a process of its own, so that what it costs is its own.
//
//   node server.ts CONTESTANT WORK      CONTESTANT: rondo | node      WORK: echo | copy
//
// Says on standard output, as a line of JSON, on which ports it listens. Then it answers each line of standard input by a
// line: `cpu` by the nanoseconds of processor time that it has used so far, all threads of it; `memory` by the bytes of it
// that are in memory, after a collection where it may force one. It ends when its standard input does. python/servers.py
// talks the same way.
import { once } from "node:events";
import net from "node:net";
import { pipeline } from "node:stream";
import { readFileSync } from "node:fs";
import { type Coroutine, group, run, until } from "rondo";
import { type ByteStream, listen, type Listener, serve } from "rondo/net";

const HOST = "127.0.0.1";

// ---- Rondo ----------------------------------------------------------------------------------------------------------

function* echo(stream: ByteStream): Coroutine<void> {
  for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read()) yield* stream.write(chunk);
}

function* copy(source: ByteStream, sink: ByteStream): Coroutine<void> {
  for (let chunk = yield* source.read(); chunk !== undefined; chunk = yield* source.read()) yield* sink.write(chunk);
  yield* sink.close();
  yield* source.close();
}

function* copyPairs(sources: Listener, sinks: Listener): Coroutine<void> {
  yield* group(function* (g) {
    for (;;) g.spawn(copy(yield* sources.accept(), yield* sinks.accept()));
  });
}

function* rondo(work: string): Coroutine<void> {
  const listener = yield* listen({ host: HOST, port: 0 });
  yield* group(function* (g) {
    if (work === "echo") {
      g.spawn(serve(listener, echo), { daemon: true });
      yield* until(ready([listener.address.port]));
    } else {
      const sinks = yield* listen({ host: HOST, port: 0 });
      g.spawn(copyPairs(listener, sinks), { daemon: true });
      yield* until(ready([listener.address.port, sinks.address.port]));
    }
  });
}

// ---- Node by itself -------------------------------------------------------------------------------------------------

/** An echo in callbacks, with the least that one needs which does not run out of memory for a peer that does not read. */
function nodeEcho(): void {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on("data", (chunk) => {
      if (!socket.write(chunk)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, HOST, () => void ready([portOf(server)]).then(end));
}

function nodeCopy(): void {
  const waiting: net.Socket[] = [];
  const others: net.Socket[] = [];
  const pair = (): void => {
    if (waiting.length === 0 || others.length === 0) return;
    pipeline(waiting.shift() as net.Socket, others.shift() as net.Socket, (error) => {
      if (error) process.stderr.write(`${String(error)}\n`);
    });
  };
  const options = { noDelay: true, allowHalfOpen: true, pauseOnConnect: true };
  const sources = net.createServer(options, (socket) => (waiting.push(socket), pair()));
  const sinks = net.createServer(options, (socket) => (others.push(socket), pair()));
  sources.listen(0, HOST, () => sinks.listen(0, HOST, () => void ready([portOf(sources), portOf(sinks)]).then(end)));
}

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port;
}

// ---- what is asked ----------------------------------------------------------------------------------------------------

const nap = new Int32Array(new SharedArrayBuffer(4));

function cpu(): number {
  // Linux books a running thread's time only at its clock tick; a thread that goes to sleep is booked at once.
  Atomics.wait(nap, 0, 0, 0.01);
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e3;
}

function memory(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return Number(readFileSync("/proc/self/statm", "latin1").split(" ")[1]) * 4096;
}

/** Says that it listens, and answers until nobody asks any more. */
async function ready(ports: readonly number[]): Promise<void> {
  process.stdout.write(`${JSON.stringify({ ports })}\n`);
  process.stdin.on("data", (asked) => {
    for (const question of String(asked).trim().split("\n"))
      process.stdout.write(`${question === "cpu" ? cpu() : memory()}\n`);
  });
  await once(process.stdin, "end");
}

/** Whoever is connected still does not keep it. */
function end(): void {
  process.exit(0);
}

const [contestant = "", work = ""] = process.argv.slice(2);
if (contestant === "rondo") await run(() => rondo(work)).then(end);
else if (work === "echo") nodeEcho();
else nodeCopy();
