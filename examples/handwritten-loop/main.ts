// An event loop, driven by hand.
//
// `run()` makes a loop and keeps it turning. Here we turn it ourselves, and print what each phase does: step the tasks
// that are ready, fire the timers that are due, and when nothing is left to do, let time pass. There is no more to an
// event loop than that.
//
// Run it: node --conditions=rondo-source examples/handwritten-loop/main.ts
import { Channel, type Coroutine, group, launch, Loop, sleep, VirtualHost } from "rondo";

// A kitchen: a cook, who needs time, and a waiter, who waits for the cook.

const counter = new Channel<string>(0, { name: "counter" });

function* cook(): Coroutine<void> {
  for (const dish of ["soup", "pie"]) {
    yield* sleep(100);
    console.log(`    cook: the ${dish} is ready`);
    yield* counter.send(dish);
  }
  counter.close();
}

function* waiter(): Coroutine<number> {
  for (let served = 0; ; served++) {
    const dish = yield* counter.receive();
    if (dish === undefined) return served;
    console.log(`    waiter: serves the ${dish}`);
  }
}

function* kitchen(): Coroutine<number> {
  return yield* group(function* (g) {
    g.spawn(cook);
    const serving = g.spawn(waiter);
    return yield* serving;
  });
}

// The virtual host's clock stands still until we move it, so the printed times are always the same.
const host = new VirtualHost();
const loop = new Loop({ host });
const main = launch(loop, kitchen);

for (let number = 1; !main.over; number++) {
  console.log(`turn ${number} at ${loop.now()} ms: ${loop.readyCount} ready`);
  const { steps, timers, ready } = loop.turn();
  console.log(`  stepped ${steps}, fired ${timers}, ${ready} ready for the next turn`);
  if (ready > 0 || main.over) continue;
  // Nothing to do before the next timer. A real host would sleep now; ours just moves its clock.
  const next = loop.timers.earliest;
  console.log(`  nothing is ready: time passes, ${next - loop.now()} ms`);
  host.advance(next - loop.now());
}

console.log(`the kitchen is closed, ${main.resultOrThrow()} dishes were served`);

// prints: turn 1 at 0 ms: 1 ready
// prints: stepped 1, fired 0, 2 ready for the next turn
// prints: turn 2 at 0 ms: 2 ready
// prints: stepped 2, fired 0, 0 ready for the next turn
// prints: nothing is ready: time passes, 100 ms
// prints: turn 3 at 100 ms: 0 ready
// prints: stepped 0, fired 1, 1 ready for the next turn
// prints: cook: the soup is ready
// prints: waiter: serves the soup
// prints: nothing is ready: time passes, 100 ms
// prints: cook: the pie is ready
// prints: waiter: serves the pie
// prints: the kitchen is closed, 2 dishes were served
