// Coroutines with no loop under them: a generator function, and somebody who steps it.
//
// A coroutine is a program that can stop in the middle and be asked what it waits for. Whoever has it in hand decides when
// it goes on, and with what. That is all there is to it; everything else in Rondo (loops, tasks, channels) is a way of
// doing the stepping for you. After David Beazley's "A Curious Course on Coroutines and Concurrency".
//
// Run it: node --conditions=rondo-source examples/just-coroutines/main.ts
import { ask, call, type Coroutine, fail, finish, start, step } from "rondo/coroutine";

// ---- 1. A conversation. `ask` is a wait with a label; the answer comes from outside. ---------------------------------

function* greeter(): Coroutine<string> {
  const name = yield* ask<string>("your name");
  const town = yield* ask<string>(`where ${name} lives`);
  return `${name} from ${town}`;
}

const answers: Record<string, string> = { "your name": "Ada", "where Ada lives": "London" };
const greeting = start(greeter);
let at = step(greeting);
while (!at.done) {
  console.log(`it waits for: ${at.wait.label}`);
  at = step(greeting, answers[at.wait.label]);
}
// prints: it waits for: your name
// prints: it waits for: where Ada lives
console.log(`it ended with: ${at.value}`); // prints: it ended with: Ada from London

// ---- 2. Two at once. Nothing runs by itself: taking turns is a loop of four lines. ------------------------------------

function* countTo(limit: number, who: string): Coroutine<void> {
  for (let n = 1; n <= limit; n++) {
    console.log(`${who} ${n}`);
    yield* ask("a turn");
  }
}

let turns = [start(() => countTo(2, "tick")), start(() => countTo(3, "tock"))];
while (turns.length > 0) turns = turns.filter((one) => !step(one).done);
// prints: tick 1
// prints: tock 1
// prints: tick 2
// prints: tock 2
// prints: tock 3

// ---- 3. An end from outside. `finish` returns every frame, innermost first; cleanup may wait like anything else. ------

function* connection(): Coroutine<void> {
  try {
    yield* ask("a message");
  } finally {
    yield* ask("the last bytes to be sent");
    console.log("connection closed");
  }
}

function* session(): Coroutine<void> {
  try {
    yield* connection();
    console.log("this line is never reached");
  } finally {
    console.log("session over");
  }
}

const open = start(session);
step(open);
let ending = finish(open);
while (!ending.done) {
  console.log(`cleaning up, waits for: ${ending.wait.label}`);
  ending = step(open);
}
// prints: cleaning up, waits for: the last bytes to be sent
// prints: connection closed
// prints: session over

// ---- 4. A failure from outside arrives at the line that waits. ---------------------------------------------------------

function* careful(): Coroutine<string> {
  try {
    return yield* ask<string>("a number");
  } catch (error) {
    return `went on without: ${(error as Error).message}`;
  }
}

const patient = start(careful);
step(patient);
const outcome = fail(patient, new Error("the line is dead"));
if (outcome.done) console.log(outcome.value); // prints: went on without: the line is dead

// ---- 5. Recursion without a bound. `call` keeps the frames on the heap, not on the engine's stack. ----------------------

function* depth(n: number): Coroutine<number> {
  return n === 0 ? 0 : 1 + (yield* call(() => depth(n - 1)));
}

const deep = step(start(() => depth(50_000)));
if (deep.done) console.log(`came back from ${deep.value} levels`); // prints: came back from 50000 levels
