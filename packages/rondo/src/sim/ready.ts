/**
 * The tasks that are ready in a simulated world, of all its nodes, oldest first. One list, so that a policy can prefer any
 * of them to any other; taking one from the middle leaves the order of the rest as it was, so that a smaller choice is a
 * smaller change.
 */
import type { Runnable } from "../loop/loop.ts";
import type { Ready } from "./policy.ts";

export class ReadyList<Owner> implements Ready {
  private readonly tasks: (Runnable | null)[];
  private readonly owners: (Owner | null)[];
  private head: number;
  private tail: number;
  /** Whose the task is that was taken last. */
  owner: Owner | null;

  constructor() {
    this.tasks = [];
    this.owners = [];
    this.head = 0;
    this.tail = 0;
    this.owner = null;
  }

  get size(): number {
    return this.tail - this.head;
  }

  at(index: number): Runnable {
    return this.tasks[this.head + index] as Runnable;
  }

  push(task: Runnable, owner: Owner): void {
    if (this.head > 1024 && this.head > this.size) this.close();
    this.tasks[this.tail] = task;
    this.owners[this.tail++] = owner;
  }

  take(index: number): Runnable {
    const { head, tasks, owners } = this;
    const at = head + index;
    const task = tasks[at] as Runnable;
    this.owner = owners[at] as Owner;
    // By hand: `copyWithin` costs ten times as much for the handful of tasks that are mostly ready.
    for (let i = at; i > head; i--) {
      tasks[i] = tasks[i - 1] as Runnable;
      owners[i] = owners[i - 1] as Owner;
    }
    tasks[head] = null;
    owners[head] = null;
    if (++this.head === this.tail) {
      this.head = 0;
      this.tail = 0;
    }
    return task;
  }

  /** Takes out all tasks of one owner, in order: it has been stopped, or is no more. */
  remove(owner: Owner): Runnable[] {
    const removed: Runnable[] = [];
    let to = this.head;
    for (let i = this.head; i < this.tail; i++) {
      if (this.owners[i] === owner) removed.push(this.tasks[i] as Runnable);
      else {
        this.tasks[to] = this.tasks[i] as Runnable;
        this.owners[to++] = this.owners[i] as Owner;
      }
    }
    for (let i = to; i < this.tail; i++) {
      this.tasks[i] = null;
      this.owners[i] = null;
    }
    this.tail = to;
    return removed;
  }

  /** How many of one owner's there are. */
  sizeOf(owner: Owner): number {
    let count = 0;
    for (let i = this.head; i < this.tail; i++) if (this.owners[i] === owner) count++;
    return count;
  }

  /** Moves what is left to the front, over the places that are empty. */
  private close(): void {
    const { head, tail, tasks, owners } = this;
    tasks.copyWithin(0, head, tail);
    owners.copyWithin(0, head, tail);
    this.tail = tail - head;
    this.head = 0;
    tasks.fill(null, this.tail, tail);
    owners.fill(null, this.tail, tail);
  }
}
