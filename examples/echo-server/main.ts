// An echo server: a task for each connection, and an end that everybody agrees with.
//
// The handler is a loop that reads and writes. It has no callbacks, no state and no bookkeeping: back-pressure is that
// `write` waits, a slow client slows down nobody else, and a connection is closed when its handler has ended. Asked to stop,
// the server accepts no more, and waits for those it serves.
//
// Run it: node --conditions=rondo-source examples/echo-server/main.ts
import { all, type Coroutine, group, run } from "rondo";
import { type ByteStream, connect, listen, serve } from "rondo/net";

function* echo(stream: ByteStream): Coroutine<void> {
  for (let data = yield* stream.read(); data !== undefined; data = yield* stream.read()) yield* stream.write(data);
}

/** A client: says some lines, says that it is done, and counts what comes back. */
function* client(port: number, name: string, lines: number): Coroutine<string> {
  const stream = yield* connect({ host: "127.0.0.1", port });
  for (let i = 1; i <= lines; i++) yield* stream.write(`${name} ${i}\n`);
  yield* stream.end();
  const back = yield* stream.lines().toArray();
  yield* stream.close();
  return `${name} got ${back.length} lines back, the last one is "${back.at(-1)}"`;
}

await run(() =>
  group(function* (g) {
    const listener = yield* listen({ host: "127.0.0.1", port: 0 });
    g.spawn(serve(listener, echo), { name: "server" });
    const { port } = listener.address;
    const said = yield* all([client(port, "ann", 3), client(port, "bob", 1000), client(port, "cat", 1)]);
    for (const line of said) console.log(line);
    // prints: ann got 3 lines back, the last one is "ann 3"
    // prints: bob got 1000 lines back, the last one is "bob 1000"
    // prints: cat got 1 lines back, the last one is "cat 1"
    console.log(`${listener.statistics().accepted} connections were accepted`); // prints: 3 connections were accepted
    g.stop({ within: 1000 });
  }),
);
console.log("the server has ended"); // prints: the server has ended
