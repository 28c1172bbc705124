/**
 * The stages of a flow that only compute: each is a source made of the flow before it, a counter or a function, and no
 * more. They never wait themselves, so they need no task.
 */
import type { Operation } from "../coroutine/wait.ts";
import { isOperation } from "./bodies.ts";
import { checkItem, NOT_YET, type Source } from "./flow-source.ts";

/** What a stage needs of the flow before it. */
export interface Upstream<T> {
  readonly name: string;
  _take(): T | undefined | typeof NOT_YET;
  _ready(): Operation<unknown>;
  _close(): void;
  _ended(): Operation<unknown>;
}

abstract class Stage<T, U> implements Source<U> {
  protected readonly upstream: Upstream<T>;

  constructor(upstream: Upstream<T>) {
    this.upstream = upstream;
  }

  abstract take(): U | undefined | typeof NOT_YET;

  ready(): Operation<unknown> {
    return this.upstream._ready();
  }

  close(): void {
    this.upstream._close();
  }

  ended(): Operation<unknown> {
    return this.upstream._ended();
  }
}

export class MapSource<T, U> extends Stage<T, U> {
  private readonly fn: (item: T, index: number) => U;
  private index: number;

  constructor(upstream: Upstream<T>, fn: (item: T, index: number) => U) {
    super(upstream);
    this.fn = checkFunction(fn, "map");
    this.index = 0;
  }

  take(): U | undefined | typeof NOT_YET {
    const item = this.upstream._take();
    if (item === undefined) return undefined;
    if (item === NOT_YET) return NOT_YET;
    const { fn } = this;
    const mapped = fn(item, this.index++);
    if (isOperation(mapped)) {
      throw new TypeError(
        "map() of a flow takes a plain function, and was given one that gives an operation: use mapConcurrent(1, fn)",
      );
    }
    return checkItem(mapped, "the function given to map()");
  }
}

/** How many items in a row may be refused before the others get their turn. */
const REFUSALS = 1000;

export class FilterSource<T> extends Stage<T, T> {
  private readonly pass: (item: T, index: number) => boolean;
  private index: number;

  constructor(upstream: Upstream<T>, pass: (item: T, index: number) => boolean) {
    super(upstream);
    this.pass = checkFunction(pass, "filter");
    this.index = 0;
  }

  take(): T | undefined | typeof NOT_YET {
    const { pass } = this;
    for (let refused = 0; refused < REFUSALS; refused++) {
      const item = this.upstream._take();
      if (item === undefined || item === NOT_YET || pass(item, this.index++)) return item;
    }
    return NOT_YET;
  }
}

export class TakeSource<T> extends Stage<T, T> {
  private left: number;

  constructor(upstream: Upstream<T>, count: number) {
    super(upstream);
    this.left = count;
  }

  take(): T | undefined | typeof NOT_YET {
    if (this.left === 0) {
      this.upstream._close();
      return undefined;
    }
    const item = this.upstream._take();
    if (item !== undefined && item !== NOT_YET && --this.left === 0) this.upstream._close();
    return item;
  }
}

export class DropSource<T> extends Stage<T, T> {
  private left: number;

  constructor(upstream: Upstream<T>, count: number) {
    super(upstream);
    this.left = count;
  }

  take(): T | undefined | typeof NOT_YET {
    for (let dropped = 0; dropped < REFUSALS; dropped++) {
      const item = this.upstream._take();
      if (item === undefined || item === NOT_YET || this.left === 0) return item;
      this.left--;
    }
    return NOT_YET;
  }
}

export class LinesSource extends Stage<string, string> {
  /** The piece that is being cut up, and how far. */
  private piece: string;
  private at: number;
  /** The beginning of a line whose end has not come yet, in pieces: joined once, so that a long line is not copied often. */
  private begun: string[];

  constructor(upstream: Upstream<string>) {
    super(upstream);
    this.piece = "";
    this.at = 0;
    this.begun = [];
  }

  take(): string | undefined | typeof NOT_YET {
    for (;;) {
      const end = this.piece.indexOf("\n", this.at);
      if (end >= 0) {
        const line = this.line(this.piece.slice(this.at, end));
        this.at = end + 1;
        return line;
      }
      const piece = this.upstream._take();
      if (piece === NOT_YET) return NOT_YET;
      if (this.at < this.piece.length) this.begun.push(this.piece.slice(this.at));
      this.piece = piece ?? "";
      this.at = 0;
      if (piece === undefined) {
        if (this.begun.length === 0) return undefined;
        const line = this.begun.join("");
        this.begun = [];
        return line;
      }
    }
  }

  private line(rest: string): string {
    let line = rest;
    if (this.begun.length > 0) {
      line = this.begun.join("") + rest;
      this.begun = [];
    }
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}

function checkFunction<F>(fn: F, what: string): F {
  if (typeof fn !== "function") throw new TypeError(`${what}() of a flow takes a function, not ${String(fn)}`);
  return fn;
}
