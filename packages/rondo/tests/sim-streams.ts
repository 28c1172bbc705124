/**
 * The promises of a byte stream, for many seeds of trouble: what was written arrives, exactly and in order, as long as every
 * fault heals; and whatever happens, what arrives is a beginning of what was written, all of it where an orderly end is seen.
 */
import { BrokenError, type Coroutine, group, sleep, timeout, TimeoutError, use } from "../src/index.ts";
import { type ByteStream, connect, ConnectError, listen, serve } from "../src/net/index.ts";
import { randomWalk, type Run, simulate, type World } from "../src/sim/index.ts";

const HOUR = 3_600_000;

/** The byte at a place of a connection's stream, so that one that is missing or doubled shows. */
function byteAt(seed: number, at: number): number {
  return (Math.imul(at ^ (seed << 16), 0x9e3779b1) >>> 13) & 255;
}

function* writeAll(world: World, stream: ByteStream, seed: number, size: number): Coroutine<void> {
  for (let at = 0; at < size;) {
    const length = Math.min(size - at, 1 + world.choose(world.chance(0.2) ? 20_000 : 300, "chunk"));
    yield* stream.write(Uint8Array.from({ length }, (_, i) => byteAt(seed, at + i)));
    at += length;
    if (world.chance(0.1)) yield* sleep(world.choose(50));
  }
  yield* stream.end();
}

/** How many bytes came, and whether an orderly end did. Throws for a byte that is not the one that was written. */
function* readAll(world: World, stream: ByteStream, seed: number): Coroutine<{ count: number; whole: boolean }> {
  let count = 0;
  try {
    for (;;) {
      const chunk = yield* stream.read(1 + world.choose(world.chance(0.5) ? 30 : 30_000, "read"));
      if (chunk === undefined) return { count, whole: true };
      for (let i = 0; i < chunk.length; i++) {
        if (chunk[i] !== byteAt(seed, count + i)) throw new Error(`the byte ${count + i} arrived as another one`);
      }
      count += chunk.length;
      if (world.chance(0.1)) yield* sleep(world.choose(200));
    }
  } catch (error) {
    if (!(error instanceof BrokenError)) throw error;
    return { count, whole: false };
  }
}

/** Makes trouble for a while: each kind ends again, and so does the whole. */
function* trouble(world: World, wild: boolean): Coroutine<void> {
  const { network } = world;
  const [a, b] = world.nodes as [(typeof world.nodes)[0], (typeof world.nodes)[0]];
  for (let i = world.choose(8, "troubles"); i > 0; i--) {
    yield* sleep(world.choose(2000, "before"));
    const oneWay = world.chance(0.5);
    const [from, to] = world.chance(0.5) ? [a, b] : [b, a];
    const kind = world.choose(wild ? 8 : 6, "kind");
    if (kind === 0) network.cut(from, to, { oneWay });
    else if (kind === 1) network.clog(from, to, { oneWay });
    else if (kind === 2) network.link(from, to, { oneWay }).set({ loss: 0.3, latency: world.choose(100) });
    else if (kind === 3) network.link(from, to, { oneWay }).set({ slices: true, jitter: 20, distribution: "pareto" });
    else if (kind === 4) network.link(from, to, { oneWay }).set({ bandwidth: 100_000, mss: 1 + world.choose(100) });
    else if (kind === 5) from.pause();
    else from.crash();
    yield* sleep(world.choose(kind === 0 ? 20_000 : 3000, "during"));
    from.resume();
    if (kind > 5) from.restart();
    network.healAll();
    network.link(from, to).set({ loss: 0, latency: 0.5, jitter: 0, bandwidth: Infinity, mss: 1460, slices: false });
  }
}

function isExpected(error: unknown): boolean {
  return error instanceof ConnectError || error instanceof BrokenError || error instanceof TimeoutError;
}

/** Several connections at once between two nodes, each both ways, under trouble. */
export function streamsUnderTrouble(seed: number, wild: boolean): Run<number> {
  return simulate({ seed, policy: randomWalk, maxSteps: 20_000_000 }, function* (world) {
    const { network } = world;
    network.defaults = { window: 1 + world.choose(5000, "window"), sendBuffer: 1 + world.choose(10_000, "buffer") };
    const size = 1 + world.choose(30_000, "size");
    let served = 0;
    const program = function* (): Coroutine<void> {
      yield* serve(yield* listen({ port: 80 }), function* (stream) {
        yield* both(stream, 2, 1);
        served++;
      });
    };
    function* both(stream: ByteStream, mine: number, theirs: number): Coroutine<boolean> {
      let complete = true;
      yield* group(function* (g) {
        g.spawn(function* () {
          try {
            yield* writeAll(world, stream, mine, size);
          } catch (error) {
            if (!wild || !(error instanceof BrokenError)) throw error;
            complete = false;
          }
        });
        const { count, whole } = yield* readAll(world, stream, theirs);
        if (whole && count !== size) throw new Error(`an orderly end after ${count} of ${size} bytes`);
        if (!whole && !wild) throw new Error(`only ${count} of ${size} bytes arrived`);
        complete &&= whole;
      });
      return complete;
    }
    const server = world.node("server", program);
    const clients = function* (): Coroutine<void> {
      yield* sleep(5);
      yield* group(function* (g) {
        for (let i = 1 + world.choose(4, "connections"); i > 0; i--) {
          g.spawn(function* () {
            try {
              const stream = use(yield* connect({ host: server.address, port: 80 }));
              // A peer that has crashed is never heard of again by one who only reads.
              yield* timeout(HOUR, () => both(stream, 1, 2));
              yield* stream.close();
            } catch (error) {
              if (!wild || !isExpected(error)) throw error;
            }
          });
        }
      });
    };
    const client = world.node("client", clients);
    yield* group(function* (g) {
      g.spawn(trouble(world, wild));
      const { how } = yield* client.ended();
      if (!wild && how !== "done") throw new Error(`the client ended otherwise: ${how}`);
    });
    yield* sleep(1000);
    return served;
  });
}
