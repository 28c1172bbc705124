/**
 * Every draw of a simulated world, in streams.
 *
 * Whatever is left to chance (which task is next, how long a packet takes, what a test puts in) is a whole number from 0
 * to n - 1, where 0 is always the tamest: first in, no fault, least delay. A run is a function of these numbers, so the
 * list of them is its recording: it can be replayed, and made smaller, and what is smaller is tamer.
 *
 * Streams keep purposes apart ("schedule", "link a>b", "data"): each has its own generator, seeded by the seed and its
 * name, so one draw more in one of them moves nothing in the others. That is what lets a shrinker take something away
 * without everything behind it becoming another story. (The idea is Hypothesis' choice sequences; the split is ours.)
 */

import { Numbers } from "./numbers.ts";

/** The recorded numbers of a run, by stream; zeros at the end of a stream are left out. */
export type Recording = ReadonlyMap<string, readonly number[]>;

/** What draws: see {@link Choices.choose}. */
export interface Chooser {
  choose(stream: string, n: number, label?: string): number;
}

/** One draw as it was made, for those who tell the story of a run. */
export interface Draw {
  readonly stream: string;
  /** Its place in its stream, from 0. */
  readonly index: number;
  readonly n: number;
  readonly value: number;
  readonly label: string | undefined;
}

/** One purpose's draws. */
export class ChoiceStream {
  readonly name: string;
  /** What was drawn, in order. */
  readonly drawn: Numbers;
  /** Out of how many each was drawn. */
  readonly limits: Numbers;
  private readonly script: readonly number[] | null;
  private readonly tame: boolean;
  private readonly told: ((draw: Draw) => void) | null;
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(
    name: string,
    seed: number | null,
    script: readonly number[] | null,
    told: ((draw: Draw) => void) | null,
  ) {
    this.name = name;
    this.drawn = new Numbers();
    this.limits = new Numbers();
    this.script = script;
    this.tame = seed === null;
    this.told = told;
    // sfc32 (Chris Doty-Humphrey, PractRand, public domain): small, fast, and its streams do not resemble each other.
    this.a = hashText(name, seed ?? 0);
    this.b = hashText(name, (seed ?? 0) ^ 0x5bd1e995);
    this.c = (seed ?? 0) | 0;
    this.d = 1;
    for (let i = 0; i < 12; i++) this.random();
  }

  /** A whole number from 0 to n - 1, all as likely. */
  draw(n: number, label?: string): number {
    if (n <= 1) return 0; // no choice: not recorded
    const { script } = this;
    return this.note(n, script === null ? this.fresh(n) : follow(script, this.drawn.length, n), label);
  }

  /**
   * As `draw`, for those who have an opinion (a policy that picks the next task): `propose` says what it shall be where
   * nothing is replayed.
   */
  take(n: number, propose: (n: number) => number, label?: string): number {
    if (n <= 1) return 0;
    const { script } = this;
    return this.note(n, script === null ? propose(n) : follow(script, this.drawn.length, n), label);
  }

  /** Something random that is not itself recorded: for what proposes (see `take`). */
  fresh(n: number): number {
    return this.tame ? 0 : Math.floor((this.random() / 4294967296) * n);
  }

  private note(n: number, value: number, label: string | undefined): number {
    this.drawn.push(value);
    this.limits.push(n);
    if (this.told !== null) this.told({ stream: this.name, index: this.drawn.length - 1, n, value, label });
    return value;
  }

  private random(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t >>> 0;
  }
}

/** Where the numbers come from. */
export interface ChoicesOptions {
  /** Draws are random by this seed. Without a seed and without a recording each is 0. */
  readonly seed?: number | undefined;
  /** Draws are these, and 0 where it has no more. Where a number is too large by now it is taken modulo n. */
  readonly recording?: Recording | undefined;
  /** Is told of each draw as it is made. */
  readonly onDraw?: ((draw: Draw) => void) | undefined;
}

/** All the draws of one run. */
export class Choices implements Chooser {
  private readonly streams: Map<string, ChoiceStream>;
  private readonly seed: number | null;
  private readonly recording: Recording | null;
  private readonly onDraw: ((draw: Draw) => void) | null;

  constructor(options: ChoicesOptions = {}) {
    this.streams = new Map();
    this.seed = options.seed ?? null;
    this.recording = options.recording ?? null;
    this.onDraw = options.onDraw ?? null;
  }

  /** A stream by its name; whoever draws often keeps it. */
  stream(name: string): ChoiceStream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      const script = this.recording === null ? null : (this.recording.get(name) ?? NOTHING);
      stream = new ChoiceStream(name, this.seed, script, this.onDraw);
      this.streams.set(name, stream);
    }
    return stream;
  }

  choose(stream: string, n: number, label?: string): number {
    return this.stream(stream).draw(n, label);
  }

  /** What was drawn so far, as a recording that replays it. */
  record(): Recording {
    const recording = new Map<string, readonly number[]>();
    for (const { name, drawn } of this.streams.values()) {
      const count = drawn.significant;
      if (count > 0) recording.set(name, drawn.toArray(count));
    }
    return recording;
  }

  /** Out of how many each number of a stream was drawn. */
  limitsOf(stream: string): readonly number[] {
    return this.streams.get(stream)?.limits.toArray() ?? NOTHING;
  }
}

const NOTHING: readonly number[] = [];

function follow(script: readonly number[], index: number, n: number): number {
  const value = script[index] ?? 0;
  return value < n ? value : value % n;
}

/** FNV-1a over the characters, stirred with a seed: 32 bits. */
export function hashText(text: string, seed: number = 0): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 12;
  hash = Math.imul(hash, 0x297a2d39);
  return (hash ^ (hash >>> 15)) >>> 0;
}
