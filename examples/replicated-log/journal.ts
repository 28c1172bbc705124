// What a replica must not forget: its term, its vote, its log. A file that only grows, one line for each change.
//
// A line counts once its end has been written. What a crash has left without an end is cut off before anything is added.
import type { Coroutine } from "rondo";
import type { Entry } from "./messages.ts";

/** Where bytes are kept. What `append` was given is safe when it has ended; before that, any part of it may be there. */
export interface Medium {
  read(): Coroutine<Uint8Array>;
  truncate(length: number): Coroutine<void>;
  append(bytes: Uint8Array): Coroutine<void>;
}

export interface Saved {
  readonly term: number;
  readonly vote: string | null;
  readonly entries: readonly Entry[];
}

type Line =
  | { readonly term: number; readonly vote: string | null }
  /** From this place on the log is this. */
  | { readonly at: number; readonly entries: readonly Entry[] };

const NEW_LINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Journal {
  private readonly medium: Medium;

  constructor(medium: Medium) {
    this.medium = medium;
  }

  *load(): Coroutine<Saved> {
    const bytes = yield* this.medium.read();
    const whole = bytes.lastIndexOf(NEW_LINE) + 1;
    if (whole < bytes.length) yield* this.medium.truncate(whole);
    let term = 0;
    let vote: string | null = null;
    const entries: Entry[] = [];
    for (const text of decoder.decode(bytes.subarray(0, whole)).split("\n")) {
      if (text === "") continue;
      const line = JSON.parse(text) as Line;
      if ("at" in line) entries.splice(line.at - 1, Infinity, ...line.entries);
      else ({ term, vote } = line);
    }
    return { term, vote, entries };
  }

  vote(term: number, vote: string | null): Coroutine<void> {
    return this.write({ term, vote });
  }

  append(at: number, entries: readonly Entry[]): Coroutine<void> {
    return this.write({ at, entries });
  }

  private write(line: Line): Coroutine<void> {
    return this.medium.append(encoder.encode(`${JSON.stringify(line)}\n`));
  }
}

/** Kept in memory: for a demonstration, that does not outlive its process anyway. */
export class MemoryMedium implements Medium {
  private bytes = new Uint8Array();

  *read(): Coroutine<Uint8Array> {
    return this.bytes;
  }

  *truncate(length: number): Coroutine<void> {
    this.bytes = this.bytes.subarray(0, length);
  }

  *append(bytes: Uint8Array): Coroutine<void> {
    const all = new Uint8Array(this.bytes.length + bytes.length);
    all.set(this.bytes);
    all.set(bytes, this.bytes.length);
    this.bytes = all;
  }
}
