/**
 * A bank says "done" when it has written an order to its file. Written is not kept: until `fsync` it is in the memory of the
 * system, and when the power fails the end of the file may be missing.
 */
import { type Coroutine, sleep } from "../../src/index.ts";
import { disk, type World } from "../../src/sim/index.ts";
import { finished, must, type Planted } from "./planted.ts";

const FILE = "orders";
const ORDERS = 20;
const text = new TextDecoder();

function* bank(confirmed: number[], flushes: boolean): Coroutine<void> {
  for (let order = 0; order < ORDERS; order++) {
    yield* sleep(10);
    yield* disk().append(FILE, `${order}\n`);
    // Mended: every one of them. Broken: now and then, as the system does by itself.
    if (flushes || order % 4 === 3) yield* disk().fsync(FILE);
    confirmed.push(order);
  }
}

/** What a bank that starts again finds: whole lines only. */
function* readAgain(): Coroutine<number[]> {
  if (!(yield* disk().exists(FILE))) return [];
  const lines = text.decode(yield* disk().read(FILE)).split("\n");
  return lines.slice(0, -1).map(Number);
}

function* program(world: World, flushes: boolean): Coroutine<void> {
  const confirmed: number[] = [];
  const node = world.node("bank", () => bank(confirmed, flushes));
  if (world.chance(0.3, "the power fails")) {
    yield* sleep(world.integer(1, 300, "when"));
    node.crash();
  } else yield* finished(node);
  let kept: number[] = [];
  node.restart(function* () {
    kept = yield* readAgain();
  });
  yield* finished(node);
  const lost = confirmed.filter((order) => !kept.includes(order));
  must(lost.length === 0, `confirmed and lost: ${lost.join()}`);
}

export const tornWrite: Planted = {
  name: "write without fsync",
  about: "what was confirmed is not on the disk when the power fails",
  on: "world",
  budget: 200,
  broken: (world) => program(world, false),
  mended: (world) => program(world, true),
};
