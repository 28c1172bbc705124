import { RuleTester } from "eslint";
import { describe, it } from "vitest";
import { requireYieldStar } from "./require-yield-star.ts";

RuleTester.describe = describe;
RuleTester.it = it;
RuleTester.itOnly = it.only;

const tester = new RuleTester({ languageOptions: { ecmaVersion: 2024, sourceType: "module" } });

const plain = [
  {
    name: "a file that does not import from Rondo is left alone",
    code: `import { sleep } from "timers"; function* f() { yield sleep(10); sleep(10); f(); }`,
  },
  {
    name: "a generator of plain values beside coroutines is left alone",
    code: `import { run, sleep } from "rondo";
      function* naturals() { let n = 0; while (true) yield n++; }
      function* first(n) { for (const i of naturals()) { if (i > n) return; yield i; } }
      function* main() { yield* sleep(10); for (const n of first(3)) console.log(n); }
      await run(main);`,
  },
  {
    name: "a generator that delegates to a generator of plain values may yield too",
    code: `import { sleep } from "rondo";
      function* inner() { yield 1; }
      function* outer() { yield* inner(); yield 2; }`,
  },
  {
    name: "a plain iterator that yields the iterators of others is left alone",
    code: `import { run } from "rondo";
      function* row(n) {}
      function* table() { yield "header"; yield row(1); }`,
  },
  {
    name: "a generator whose callees cannot be told is left alone",
    code: `import { run } from "rondo"; import { work } from "./work.js";
      function* main() { yield* work(); yield 1; }`,
  },
  {
    name: "an operation under `yield*` is right",
    code: `import { sleep, group } from "rondo";
      function* work() { yield* sleep(10); const x = yield* group(function* (g) { yield* sleep(1); }); return x; }
      function* main() { yield* work(); }`,
  },
  {
    name: "an operation may be returned, assigned, stored or passed on",
    code: `import { sleep, race, all, timeout, group, run } from "rondo";
      function* work() { yield* sleep(1); }
      function nap() { return sleep(10); }
      const later = () => sleep(10);
      const kept = sleep(10);
      const list = [sleep(1), work()];
      function* main() {
        const op = sleep(10);
        yield* op;
        yield* race([sleep(1), work()]);
        yield* all([work(), work()]);
        yield* timeout(100, work());
        yield* group(function* (g) { g.spawn(work()); g.spawn(work); });
        return sleep(10);
      }
      await run(main); run(() => work());`,
  },
  {
    name: "functions of Rondo that do not make an operation may be called alone",
    code: `import { run, now, toPromise } from "rondo"; now(); run(main); toPromise(x); function* main() { now(); }`,
  },
  {
    name: "methods that never wait may be called alone",
    code: `import { Lock, Channel, group } from "rondo";
      const lock = new Lock(); const channel = new Channel(1);
      function* main() {
        lock.tryAcquire(); lock.release(); channel.trySend(1); channel.close();
        yield* group(function* (g) { const t = g.spawn(main); t.cancel(); g.cancel(); yield* t; });
      }`,
  },
  {
    name: "a method of the same name on something else is left alone",
    code: `import { Lock } from "rondo"; import { Lock as Other } from "other";
      const lock = new Other(); lock.acquire(); unknown.acquire(); unknown().send(1);`,
  },
  {
    name: "a name that shadows an import is not that import",
    code: `import { sleep } from "rondo"; function f(sleep) { sleep(10); }`,
  },
  {
    name: "a variable that may hold something else is not followed",
    code: `import { Lock } from "rondo"; let lock = new Lock(); lock = other(); lock.acquire();`,
  },
  {
    name: "an async generator yields its own values",
    code: `import { sleep } from "rondo"; async function* f() { yield 1; yield sleep(10); }`,
  },
  {
    name: "an ordinary promise may be awaited and dropped",
    code: `import { run } from "rondo"; async function f() {} async function g() { await f(); f(); await run(main); }
      function* main() {}`,
  },
  {
    name: "an arrow that is an argument may answer an operation",
    code: `import { map } from "rondo"; function* main() { yield* map(urls, (url) => fetchPage(url)); }
      function* fetchPage(url) {}`,
  },
  {
    name: "an operation taken out of an object is not followed",
    code: `import { sleep } from "rondo"; const { a } = { a: sleep }; a(10); const [b] = [sleep(1)]; function* f() { yield b; }`,
  },
  {
    name: "a generator given to a function that is not Rondo's may yield",
    code: `import { sleep } from "rondo"; other(function* () { yield 1; });`,
  },
];

function bad(
  name: string,
  code: string,
  ...errors: { messageId: string; output?: string }[]
): RuleTester.InvalidTestCase {
  const fixed = errors.find((error) => error.messageId === "missingStar")?.output;
  return {
    name,
    code,
    output: fixed ?? null,
    errors: errors.map(({ messageId, output }) => {
      if (messageId === "missingStar" || output === undefined) return { messageId };
      return { messageId, suggestions: [{ messageId: messageId === "dropped" ? "runIt" : "addStar", output }] };
    }),
  };
}

const missingStar = [
  bad(
    "`yield` of an imported operation is given its star",
    `import { sleep } from "rondo"; function* f() { yield sleep(10); }`,
    { messageId: "missingStar", output: `import { sleep } from "rondo"; function* f() { yield* sleep(10); }` },
  ),
  bad(
    "an import under another name is followed",
    `import { sleep as nap } from "rondo"; function* f() { yield nap(10); }`,
    { messageId: "missingStar", output: `import { sleep as nap } from "rondo"; function* f() { yield* nap(10); }` },
  ),
  bad("a namespace import is followed", `import * as rondo from "rondo"; function* f() { yield rondo.sleep(10); }`, {
    messageId: "missingStar",
    output: `import * as rondo from "rondo"; function* f() { yield* rondo.sleep(10); }`,
  }),
  bad(
    "the hand tools of `rondo/coroutine` are followed",
    `import { call } from "rondo/coroutine"; function* f() { yield call(f); }`,
    { messageId: "missingStar", output: `import { call } from "rondo/coroutine"; function* f() { yield* call(f); }` },
  ),
  bad(
    "`yield` of a coroutine of the file is given its star",
    `import { sleep } from "rondo"; function* work() { yield* sleep(1); } function* f() { const x = yield work(); }`,
    {
      messageId: "missingStar",
      output: `import { sleep } from "rondo"; function* work() { yield* sleep(1); } function* f() { const x = yield* work(); }`,
    },
  ),
  bad(
    "a coroutine written below its use, or as a constant, is followed",
    `import { run } from "rondo"; run(function* () { yield work(); }); const work = function* () {};`,
    {
      messageId: "missingStar",
      output: `import { run } from "rondo"; run(function* () { yield* work(); }); const work = function* () {};`,
    },
  ),
  bad(
    "a coroutine that is a method of the same class is followed",
    `import { sleep } from "rondo";
      class Server { *#close() { yield* sleep(1); } *stop() { yield this.#close(); } static *close() {} }`,
    {
      messageId: "missingStar",
      output: `import { sleep } from "rondo";
      class Server { *#close() { yield* sleep(1); } *stop() { yield* this.#close(); } static *close() {} }`,
    },
  ),
  bad(
    "a coroutine that is a method of an object of the file is followed",
    `import { sleep } from "rondo"; const api = { *get() { yield* sleep(1); } }; function* f() { yield api.get(); }`,
    {
      messageId: "missingStar",
      output: `import { sleep } from "rondo"; const api = { *get() { yield* sleep(1); } }; function* f() { yield* api.get(); }`,
    },
  ),
  bad(
    "a method of a Rondo object that was made in the file is followed",
    `import { Lock } from "rondo"; const lock = new Lock(); function* f() { yield lock.acquire(); }`,
    {
      messageId: "missingStar",
      output: `import { Lock } from "rondo"; const lock = new Lock(); function* f() { yield* lock.acquire(); }`,
    },
  ),
  bad(
    "a method of a Rondo object that is a field of the class is followed",
    `import { Channel } from "rondo"; class Pipe { #in = new Channel(1); *read() { return yield this.#in.receive(); } }`,
    {
      messageId: "missingStar",
      output: `import { Channel } from "rondo"; class Pipe { #in = new Channel(1); *read() { return yield* this.#in.receive(); } }`,
    },
  ),
  bad(
    "a task is joined with the star",
    `import { group } from "rondo"; function* w() {} function* f() { yield* group(function* (g) { const t = g.spawn(w); yield t; }); }`,
    {
      messageId: "missingStar",
      output: `import { group } from "rondo"; function* w() {} function* f() { yield* group(function* (g) { const t = g.spawn(w); yield* t; }); }`,
    },
  ),
  bad(
    "an operation kept in a constant is followed one step",
    `import { sleep } from "rondo"; function* f() { const nap = sleep(10); yield nap; }`,
    {
      messageId: "missingStar",
      output: `import { sleep } from "rondo"; function* f() { const nap = sleep(10); yield* nap; }`,
    },
  ),
  bad(
    "a choice between operations is given its star",
    `import { sleep, checkpoint } from "rondo"; function* f(slow) { yield (slow ? sleep(10) : checkpoint()); }`,
    {
      messageId: "missingStar",
      output: `import { sleep, checkpoint } from "rondo"; function* f(slow) { yield* (slow ? sleep(10) : checkpoint()); }`,
    },
  ),
  bad(
    "an operation among plain values is certain enough",
    `import { sleep } from "rondo"; function* f() { yield 1; yield sleep(10); }`,
    { messageId: "missingStar", output: `import { sleep } from "rondo"; function* f() { yield 1; yield* sleep(10); }` },
  ),
];

const rawYield = [
  bad(
    "a bare `yield` in a coroutine is reported",
    `import { sleep } from "rondo"; function* f() { yield* sleep(10); yield; }`,
    { messageId: "rawYield" },
  ),
  bad(
    "a yielded promise in a coroutine is reported, and the star is suggested",
    `import { sleep } from "rondo"; function* f() { yield* sleep(10); yield fetch(url); }`,
    {
      messageId: "rawYield",
      output: `import { sleep } from "rondo"; function* f() { yield* sleep(10); yield* fetch(url); }`,
    },
  ),
  bad(
    "a generator that runs a coroutine of the file is a coroutine",
    `import { sleep } from "rondo"; function* g() { yield* sleep(1); } function* f() { yield* g(); yield; }`,
    { messageId: "rawYield" },
  ),
  bad(
    "coroutines that call each other are decided by their other lines",
    `import { sleep } from "rondo"; function* a() { yield* b(); yield* sleep(1); } function* b() { yield* a(); yield; }`,
    { messageId: "rawYield" },
  ),
  bad(
    "a body written in place is a coroutine",
    `import { run, group } from "rondo"; run(function* () { yield; }); run(() => group(function* (g) { yield; }));`,
    { messageId: "rawYield" },
    { messageId: "rawYield" },
  ),
  bad(
    "a body given to `spawn` or `start` of a group is a coroutine",
    `import { group } from "rondo"; const f = () => group((g) => { g.spawn(function* () { yield; }); return g.start(function* () { yield; }); });`,
    { messageId: "rawYield" },
    { messageId: "rawYield" },
  ),
];

const dropped = [
  bad(
    "an operation that is dropped in a coroutine is reported, and running it is suggested",
    `import { sleep } from "rondo"; function* f() { sleep(10); }`,
    { messageId: "dropped", output: `import { sleep } from "rondo"; function* f() { yield* sleep(10); }` },
  ),
  bad(
    "a coroutine of the file that is dropped is reported",
    `import { run } from "rondo"; function* work() {} function* f() { work(); }`,
    {
      messageId: "dropped",
      output: `import { run } from "rondo"; function* work() {} function* f() { yield* work(); }`,
    },
  ),
  bad(
    "an operation that is dropped outside a coroutine is reported without a suggestion",
    `import { sleep } from "rondo"; sleep(10); function f() { sleep(10); } const g = () => { sleep(10); };`,
    { messageId: "dropped" },
    { messageId: "dropped" },
    { messageId: "dropped" },
  ),
  bad(
    "an operation that is dropped in an async function is reported without a suggestion",
    `import { sleep } from "rondo"; async function f() { sleep(10); } async function* g() { sleep(10); }`,
    { messageId: "dropped" },
    { messageId: "dropped" },
  ),
  bad("`void` does not run an operation", `import { sleep } from "rondo"; function* f() { void sleep(10); }`, {
    messageId: "dropped",
    output: `import { sleep } from "rondo"; function* f() { void (yield* sleep(10)); }`,
  }),
  bad(
    "an operation that is dropped behind a condition is reported",
    `import { sleep } from "rondo"; function* f(slow) { slow && sleep(10); }`,
    {
      messageId: "dropped",
      output: `import { sleep } from "rondo"; function* f(slow) { slow && (yield* sleep(10)); }`,
    },
  ),
  bad(
    "both branches of a choice are looked at",
    `import { sleep, checkpoint } from "rondo"; function f(slow) { slow ? sleep(10) : checkpoint(); }`,
    { messageId: "dropped" },
    { messageId: "dropped" },
  ),
  bad(
    "a lock that was made in the file and never waited for is reported",
    `import { Lock } from "rondo"; const lock = new Lock(); function f() { lock.acquire(); new Lock().acquire(); }`,
    { messageId: "dropped" },
    { messageId: "dropped" },
  ),
  bad(
    "a group's own operations are followed through its parameter",
    `import { group } from "rondo"; const f = () => group((g) => { g.ended(); const t = g.spawn(f); t.ended(); });`,
    { messageId: "dropped" },
    { messageId: "dropped" },
  ),
  bad(
    "the ends that a channel gives are followed",
    `import { Channel } from "rondo"; const c = new Channel(1); const end = c.cloneSender(); function f() { end.send(1); c.cloneReceiver().receive(); }`,
    { messageId: "dropped" },
    { messageId: "dropped" },
  ),
  bad(
    "a task that was launched may be dropped, and waiting for it may not",
    `import { launch } from "rondo"; launch(loop, function* () {}); function* f() { const c = f(); c; } f();`,
    { messageId: "dropped" },
  ),
  bad(
    "a field of a class is followed out of an arrow",
    `import { Lock } from "rondo"; class A { lock = new Lock(); go() { return () => { this.lock.acquire(); }; } }`,
    { messageId: "dropped" },
  ),
];

const awaited = [
  bad("an awaited operation is reported", `import { sleep } from "rondo"; async function f() { await sleep(10); }`, {
    messageId: "awaited",
  }),
  bad(
    "an awaited coroutine of the file is reported",
    `import { sleep } from "rondo"; function* g() { yield* sleep(1); } await g();`,
    { messageId: "awaited" },
  ),
];

describe("code that is right", () => tester.run("require-yield-star", requireYieldStar, { valid: plain, invalid: [] }));
describe("yield without its star", () =>
  tester.run("require-yield-star", requireYieldStar, { valid: [], invalid: missingStar }));
describe("a raw yield", () => tester.run("require-yield-star", requireYieldStar, { valid: [], invalid: rawYield }));
describe("an operation dropped", () =>
  tester.run("require-yield-star", requireYieldStar, { valid: [], invalid: dropped }));
describe("an operation awaited", () =>
  tester.run("require-yield-star", requireYieldStar, { valid: [], invalid: awaited }));
