// A server that computes, and what that does to its other clients.
//
// After David Beazley's talk "Python Concurrency From the Ground Up": one client asks for a large number, and another one
// for small ones, again and again. Computed in the handler, the large one holds up everybody: a coroutine gives way only where
// it waits. Given to a worker thread by `offload`, it holds up nobody, and the handler waits for it as for anything else.
//
// The same two clients meet both servers; what is counted is how many small answers come while the large one is awaited.
//
// Run it: node --conditions=rondo-source examples/fib-server/main.ts
import { type Coroutine, group, now, type Operation, run } from "rondo";
import { type ByteStream, connect, listen, serve } from "rondo/net";
import { offloader } from "rondo/os";
import { fib } from "./fib.ts";
import type * as Fib from "./fib.ts";

const LARGE = 34;
const SMALL = 1;

const elsewhere = offloader<typeof Fib>(new URL("./fib.ts", import.meta.url));

function* here(n: number): Coroutine<number> {
  return fib(n); // a coroutine that never waits
}

/** Small ones are not worth the way to a thread and back. */
function* offloaded(n: number): Coroutine<number> {
  return n < 20 ? fib(n) : yield* elsewhere("fib", n);
}

function handler(compute: (n: number) => Operation<number>) {
  return function* (stream: ByteStream): Coroutine<void> {
    const lines = stream.lines();
    for (let line = yield* lines.next(); line !== undefined; line = yield* lines.next())
      yield* stream.write(`${yield* compute(Number(line))}\n`);
  };
}

function* ask(stream: ByteStream, n: number): Coroutine<number> {
  yield* stream.write(`${n}\n`);
  return Number(yield* stream.lines().next());
}

/** Serves both clients, and gives how many small answers came before the large one. */
function* measured(compute: (n: number) => Operation<number>): Coroutine<number> {
  return yield* group(function* (g) {
    const listener = yield* listen({ host: "127.0.0.1", port: 0 });
    g.spawn(serve(listener, handler(compute)), { daemon: true });
    const at = { host: "127.0.0.1", port: listener.address.port };
    const busy = yield* connect(at);
    const quick = yield* connect(at);
    yield* ask(busy, SMALL); // both are being served
    yield* ask(quick, SMALL);

    const begun = now();
    const large = g.spawn(ask(busy, LARGE));
    let before = 0;
    let longest = 0;
    for (;;) {
      const asked = now();
      yield* ask(quick, SMALL);
      longest = Math.max(longest, now() - asked);
      if (large.over) break;
      before++;
    }
    console.log(`  fib(${LARGE}) = ${yield* large}, in ${Math.round(now() - begun)} ms`);
    console.log(`  meanwhile ${before} small answers, for which one had to wait ${Math.round(longest)} ms at most`);
    yield* busy.close();
    yield* quick.close();
    return before;
  });
}

await run(function* () {
  console.log("computed in the handler:");
  const blocked = yield* measured(here);
  // prints: computed in the handler:
  console.log("computed in a worker thread:");
  const free = yield* measured(offloaded);
  // prints: computed in a worker thread:
  console.log(`the small ones got ${free > blocked + 5 ? "many" : "no"} more answers`);
  // prints: the small ones got many more answers
});
