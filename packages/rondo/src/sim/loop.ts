/**
 * The loop of one node: all of the runtime's own code, except that what is ready goes to the world's list, and that it is
 * the world that steps it. So nodes are interleaved step by step, and a crash is no more than not stepping a loop again.
 */
import { Loop, type Runnable } from "../loop/loop.ts";
import type { ReadyList } from "./ready.ts";
import type { SimHost } from "./host.ts";

export class SimLoop extends Loop {
  private readonly list: ReadyList<SimLoop>;
  /** The number of its node in the world, for the hash. */
  readonly index: number;
  /** What has become ready while the node was stopped; null while it runs. */
  private held: Runnable[] | null;
  /** Its program is no more: nothing of it is ever stepped again. */
  dead: boolean;

  constructor(host: SimHost, list: ReadyList<SimLoop>, index: number) {
    super({ host });
    this.list = list;
    this.index = index;
    this.held = null;
    this.dead = false;
  }

  override ready(task: Runnable): void {
    if (this.held !== null) this.held.push(task);
    else if (!this.dead) this.list.push(task, this);
  }

  override get readyCount(): number {
    return this.held === null ? this.list.sizeOf(this) : this.held.length;
  }

  override turn(): never {
    throw new Error("a loop in a simulated world is stepped by the world, and cannot be turned by hand");
  }

  /** Whoever would drain a loop after an event need not: the world steps what has become ready. */
  override drain(): void {}

  override enter(): boolean {
    return false;
  }

  /** What is ready, and becomes so, is kept until `release`. */
  hold(): void {
    this.held ??= this.list.remove(this);
  }

  release(): void {
    const { held } = this;
    this.held = null;
    if (held !== null) for (const task of held) this.ready(task);
  }

  /** Drops everything: nothing of it runs any more, not even its cleanup. */
  drop(): void {
    this.held = null;
    this.dead = true;
    this.list.remove(this);
    this.abandon();
  }
}
