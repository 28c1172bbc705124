// Groups and cancellation: nothing is left running, and everybody gets to tidy up.
//
// Every task belongs to a group, and a group ends only when its tasks have ended. So when `yield* group(…)` is over,
// whatever the reason, nothing that was begun inside it is still going on. Cancellation is a request to return:
// `finally` blocks run, and may wait; `catch` blocks do not see it, so nobody can swallow it by accident.
//
// Run it: node --conditions=rondo-source examples/groups-and-cancel/main.ts
import {
  type Coroutine,
  defer,
  group,
  isStopping,
  moveOnAfter,
  now,
  race,
  run,
  shield,
  sleep,
  suppressed,
  VirtualHost,
} from "rondo";

function say(text: string): void {
  console.log(`${String(now()).padStart(4)} ms  ${text}`);
}

function* download(name: string, ms: number): Coroutine<string> {
  defer(() => say(`${name}: connection closed`));
  try {
    yield* sleep(ms);
    return `<${name}>`;
  } catch {
    // A cancellation does not come here.
    return "never";
  } finally {
    yield* sleep(5); // cleanup may wait, also when it is cancelled
  }
}

function* main(): Coroutine<void> {
  say("-- all of a group, then the group");
  const pages = yield* group(function* (g) {
    const a = g.spawn(download("a", 20), { name: "a" });
    const b = g.spawn(download("b", 30), { name: "b" });
    return [yield* a, yield* b];
  });
  say(`got ${pages.join(" ")}`);
  // prints: 35 ms  got <a> <b>

  say("-- one fails: the others are cancelled, waited for, and the failure is thrown as it is");
  try {
    yield* group(function* (g) {
      g.spawn(download("slow", 1000), { name: "slow" });
      g.spawn(function* () {
        yield* sleep(10);
        throw new RangeError("page 404");
      });
    });
  } catch (error) {
    say(`caught ${String(error)}, and ${suppressed(error).length} more`);
  }
  // prints: 50 ms  slow: connection closed
  // prints: 50 ms  caught RangeError: page 404, and 0 more

  say("-- a time limit, and what must not be cut short");
  const letter = yield* moveOnAfter(10, function* () {
    yield* shield(sleep(25)); // the letter is in the box: it will be sent
    say("the letter is sent, though time was over 15 ms ago");
    yield* sleep(25);
    say("never");
  });
  say(`timed out: ${letter.timedOut}`);
  // prints: 75 ms  the letter is sent, though time was over 15 ms ago
  // prints: 75 ms  timed out: true

  say("-- the first to answer; the losers are waited for");
  const fastest = yield* race([download("far", 300), download("near", 20)]);
  say(`the first was ${fastest}`);
  // prints: 105 ms  far: connection closed
  // prints: 105 ms  the first was <near>

  say("-- softly: between two jobs, not in the middle of one");
  yield* group(function* (g) {
    g.spawn(function* worker() {
      for (let job = 1; !isStopping(); job++) {
        yield* sleep(10);
        say(`job ${job} done`);
      }
      say("asked to stop, so no further job");
    });
    yield* sleep(25);
    g.stop({ within: 1000 });
  });
  // prints: 135 ms  job 3 done
  // prints: 135 ms  asked to stop, so no further job
}

await run(main, { host: new VirtualHost() });
