/**
 * A small store behind TLS with a log on its disk, a client that asks again until it is answered, and every nemesis at once.
 */
import { Lock, sleep, timeout } from "../../src/index.ts";
import { type Coroutine } from "../../src/index.ts";
import { connectTls, listenTls, serveTls, type TlsStream } from "../../src/net/index.ts";
import {
  badDisk,
  bridge,
  clog,
  crashStorm,
  disk,
  dnsOutage,
  flap,
  isolate,
  lossy,
  partition,
  pauses,
  randomWalk,
  ring,
  type Run,
  simCertificate,
  simulate,
  skew,
  slowLinks,
  slowNode,
} from "../../src/sim/index.ts";

const identity = simCertificate("store");
const decoder = new TextDecoder();

/**
 * What is whole in the log, in a new file that takes its place. A line may be torn by a crash, and after a failed `fsync`
 * nobody knows what is on the disk: so this is done at the start and after every failure.
 */
function* recover(): Coroutine<void> {
  const old = (yield* disk().exists("log")) ? decoder.decode(yield* disk().read("log")) : "";
  yield* disk().write("log.new", old.slice(0, old.lastIndexOf("\n") + 1));
  yield* disk().fsync("log.new");
  yield* disk().rename("log.new", "log");
  yield* disk().fsync("");
}

/** One line is asked for, and one is answered: then it is on the disk. */
function* serving(sync: boolean): Coroutine<void> {
  const turns = new Lock();
  let sound = false;
  const listener = yield* listenTls({ port: 443, cert: identity.cert, key: identity.key });
  yield* serveTls(
    listener,
    function* (stream: TlsStream) {
      const line = yield* stream.readUntil("\n", { max: 100 });
      if (line === undefined) return;
      yield* turns.acquire();
      try {
        if (!sound) yield* recover();
        sound = false;
        yield* disk().append("log", line);
        if (sync) yield* disk().fsync("log");
        sound = true;
      } finally {
        turns.release();
      }
      yield* stream.write(line);
    },
    // What fails is asked for again.
    { onError() {} },
  );
}

function* asking(line: string): Coroutine<boolean> {
  try {
    return yield* timeout(800, function* () {
      const stream = yield* connectTls({ host: "store", port: 443, ca: identity.ca });
      try {
        yield* stream.write(`${line}\n`);
        return decoder.decode(yield* stream.readUntil("\n", { max: 100 })) === `${line}\n`;
      } finally {
        stream.abort();
      }
    });
  } catch {
    // Whatever it was: the next one may be luckier.
    return false;
  }
}

/** One run; its value is how many lines were confirmed. */
export function troubled({ seed, sync = true }: { readonly seed: number; readonly sync?: boolean }): Run<number> {
  return simulate({ seed, policy: randomWalk }, function* (world): Coroutine<number> {
    const store = world.node("store", () => serving(sync));
    for (const name of ["b", "c"]) world.node(name, () => sleep(1e7));
    const confirmed: string[] = [];
    const kept = (): boolean => {
      const log = `\n${decoder.decode(store.disk.contents("log"))}`;
      return confirmed.every((line) => log.includes(`\n${line}\n`));
    };
    const all = [partition(), isolate(), ring(), bridge(), flap(), lossy(), slowLinks(), clog(), dnsOutage()];
    world.nemesis(all, { every: [10, 600], for: [10, 900] });
    world.nemesis([crashStorm(), pauses(), slowNode(), skew(), badDisk()], { every: [10, 600], for: [10, 900] });
    const client = world.node("client", function* () {
      for (let n = 0; ; n++) {
        const line = `line ${n} of many`;
        if (yield* asking(line)) confirmed.push(line);
        yield* sleep(20);
      }
    });
    yield* sleep(10_000);
    if (!kept()) throw new Error("not all that was confirmed is kept");
    const before = confirmed.length;
    yield* world.liveness({ core: [store, client], within: 30_000, progress: () => confirmed.length > before + 3 });
    store.crash();
    if (!kept()) throw new Error("not all that was confirmed is kept, when the faults were over");
    return confirmed.length;
  });
}
