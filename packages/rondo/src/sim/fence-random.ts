/**
 * Chance for code that knows nothing of the world: `Math.random`, `crypto`.
 *
 * Its numbers are not choices. A choice tends to 0 when a run is made smaller, and identifiers that are all zeros collide:
 * that would be another bug than the one that is looked for. So each node draws one choice, a seed, when it first asks;
 * all that follows comes from a generator, which is as good for seed 0 as for any other.
 */
import type { Loop } from "../loop/loop.ts";
import { ChoiceStream } from "./choices.ts";
import type { Fenced } from "./fence-core.ts";
import { runningLoop } from "./fence-timers.ts";

const WORD = 2 ** 32;

/** By world and loop: a program that is started again goes on with another one. */
const generators: WeakMap<object, ChoiceStream> = new WeakMap();

function generatorOf(fenced: Fenced): ChoiceStream {
  const loop: Loop | null = runningLoop();
  const key = loop ?? fenced;
  let generator = generators.get(key);
  if (generator === undefined) {
    const name = loop === null ? "world" : fenced.nameOf(loop);
    const seed = fenced.clockwork.choices.choose(`random ${name}`, WORD, "seed");
    generator = new ChoiceStream("random", seed, null, null);
    generators.set(key, generator);
  }
  return generator;
}

/** From 0 (included) to 1 (excluded), with all 53 bits, as of `Math.random`. */
export function simRandom(fenced: Fenced): number {
  const generator = generatorOf(fenced);
  return (generator.fresh(2 ** 21) * WORD + generator.fresh(WORD)) / 2 ** 53;
}

/** A whole number from 0 to n - 1, n up to 2^48. */
export function simInteger(fenced: Fenced, n: number): number {
  return Math.floor(simRandom(fenced) * n);
}

export function simFill(fenced: Fenced, bytes: Uint8Array): void {
  const generator = generatorOf(fenced);
  for (let i = 0; i < bytes.length; i += 4) {
    const word = generator.fresh(WORD);
    const end = Math.min(4, bytes.length - i);
    for (let k = 0; k < end; k++) bytes[i + k] = word >>> (8 * k);
  }
}

/** Version 4 of RFC 9562: 122 random bits. */
export function simUuid(fenced: Fenced): string {
  const bytes = new Uint8Array(16);
  simFill(fenced, bytes);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  let text = "";
  for (let i = 0; i < 16; i++) {
    text += (bytes[i] as number).toString(16).padStart(2, "0");
    if (i === 3 || i === 5 || i === 7 || i === 9) text += "-";
  }
  return text;
}
