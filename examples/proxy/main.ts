// A TCP proxy: two copies, one in each direction, and the end of one is not the end of the other.
//
// A client that has sent its question may say so (a half-close) and still wait for the answer. So each direction is a task of
// its own that hands on the end it has met; the connection is over when both are. If one of them fails, the group ends the
// other, and both connections are closed, whatever happens.
//
// Run it: node --conditions=rondo-source examples/proxy/main.ts
import { type Coroutine, group, run, use } from "rondo";
import { type ByteStream, connect, type Handler, listen, serve } from "rondo/net";

/** Gives how many bytes went through. */
function* copy(from: ByteStream, to: ByteStream): Coroutine<number> {
  for (let data = yield* from.read(); data !== undefined; data = yield* from.read()) yield* to.write(data);
  yield* to.end();
  return from.bytesRead;
}

function proxy(target: { readonly host: string; readonly port: number }): Handler {
  return function* (client) {
    const upstream = yield* connect(target);
    use(upstream);
    const [asked, answered] = yield* group(function* (g) {
      const there = g.spawn(copy(client, upstream), { name: "there" });
      const back = g.spawn(copy(upstream, client), { name: "back" });
      return [yield* there, yield* back];
    });
    console.log(`proxied ${asked} bytes there and ${answered} back`);
  };
}

/** What is behind it: answers only when it has heard everything. */
function* counter(stream: ByteStream): Coroutine<void> {
  let bytes = 0;
  for (let data = yield* stream.read(); data !== undefined; data = yield* stream.read()) bytes += data.length;
  yield* stream.write(`you have said ${bytes} bytes\n`);
}

await run(() =>
  group(function* (g) {
    const target = yield* listen({ host: "127.0.0.1", port: 0 });
    const front = yield* listen({ host: "127.0.0.1", port: 0 });
    g.spawn(serve(target, counter), { name: "target" });
    g.spawn(serve(front, proxy({ host: "127.0.0.1", port: target.address.port })), { name: "proxy" });

    const stream = yield* connect({ host: "127.0.0.1", port: front.address.port });
    for (let i = 0; i < 100; i++) yield* stream.write(new Uint8Array(10_000));
    yield* stream.end(); // I have said everything; now I listen
    console.log(yield* stream.lines().next());
    console.log(`and then: ${yield* stream.read()}`);
    yield* stream.close();
    // prints: you have said 1000000 bytes
    g.stop({ within: 1000 });
  }),
);
console.log("both servers have ended"); // prints: both servers have ended
