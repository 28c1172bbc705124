/** The last reading that came is taken for the newest. Datagrams overtake each other: an old one may come last. */
import { type Coroutine, moveOnAfter, sleep } from "../../src/index.ts";
import { udp } from "../../src/net/index.ts";
import type { World } from "../../src/sim/index.ts";
import { finished, must, type Planted } from "./planted.ts";

interface Reading {
  readonly number: number;
  readonly level: number;
}

const DISPLAY = "10.0.1.1";

const text = new TextDecoder();

function* display(readings: number[], inOrder: boolean): Coroutine<void> {
  const socket = yield* udp({ bind: { port: 9000 } });
  let last = -1;
  try {
    for (;;) {
      const got = yield* moveOnAfter(1000, socket.receive());
      if (got.timedOut) return;
      const { number, level } = JSON.parse(text.decode(got.value.data)) as Reading;
      if (inOrder && number <= last) continue;
      last = number;
      readings.push(level);
    }
  } finally {
    socket.close();
  }
}

function* sensor(): Coroutine<void> {
  const socket = yield* udp({});
  yield* sleep(1);
  for (let number = 0; number < 8; number++) {
    yield* socket.send(JSON.stringify({ number, level: 10 * number } satisfies Reading), {
      host: DISPLAY,
      port: 9000,
    });
    yield* sleep(10);
  }
  socket.close();
}

function* program(world: World, inOrder: boolean): Coroutine<void> {
  const readings: number[] = [];
  const node = world.node("display", () => display(readings, inOrder), { address: DISPLAY });
  world.node("sensor", sensor);
  yield* finished(node);
  // The level only rises.
  must(
    readings.every((level, i) => i === 0 || level > (readings[i - 1] as number)),
    `the level fell: ${readings.join()}`,
  );
}

export const reorderedDatagrams: Planted = {
  name: "reordered messages",
  about: "the last one that came is taken for the newest",
  on: "world",
  budget: 100,
  broken: (world) => program(world, false),
  mended: (world) => program(world, true),
};
