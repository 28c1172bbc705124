// A server that is measured: one contestant in a process of its own, so that what it costs is its own.
//
//   node server.ts CONTESTANT WORK      CONTESTANT: rondo | rondo-read-write | node      WORK: echo | copy
//
// It is asked as measured.ts says.
import net from "node:net";
import { pipeline } from "node:stream";
import { type Coroutine, group, run, until } from "rondo";
import { ready } from "../measured.ts";
import { type ByteStream, copy, listen, type Listener, serve } from "rondo/net";

const HOST = "127.0.0.1";

// ---- Rondo ----------------------------------------------------------------------------------------------------------

/** The shortest echo: all that comes goes back. */
function echo(stream: ByteStream): Coroutine<number> {
  return copy(stream, stream);
}

/** The same by two words, as a handler that looks at what comes has it: each chunk is its own. */
function* readAndWrite(stream: ByteStream): Coroutine<void> {
  for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read()) yield* stream.write(chunk);
}

function* copyAndClose(source: ByteStream, sink: ByteStream): Coroutine<void> {
  yield* copy(source, sink);
  yield* sink.close();
  yield* source.close();
}

function* copyPairs(sources: Listener, sinks: Listener): Coroutine<void> {
  yield* group(function* (g) {
    for (;;) g.spawn(copyAndClose(yield* sources.accept(), yield* sinks.accept()));
  });
}

function* rondo(work: string, handler: (stream: ByteStream) => Coroutine<unknown>): Coroutine<void> {
  const listener = yield* listen({ host: HOST, port: 0 });
  yield* group(function* (g) {
    if (work === "echo") {
      g.spawn(serve(listener, handler), { daemon: true });
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

/** Whoever is connected still does not keep it. */
function end(): void {
  process.exit(0);
}

const [contestant = "", work = ""] = process.argv.slice(2);
if (contestant === "rondo") await run(() => rondo(work, echo)).then(end);
else if (contestant === "rondo-read-write") await run(() => rondo(work, readAndWrite)).then(end);
else if (work === "echo") nodeEcho();
else nodeCopy();
