/**
 * The events of a pool on their way to whoever listens: gathered while it changes, told when it is whole again, so that
 * whoever hears of one may use it, even clear it.
 */
import type { Loop } from "../loop/loop.ts";
import type { PoolEvent } from "./pool-options.ts";

export class News {
  private readonly listener: ((event: PoolEvent) => void) | undefined;
  private readonly name: string;
  private readonly loop: Loop;
  private readonly events: PoolEvent[];
  private telling: boolean;

  constructor(listener: ((event: PoolEvent) => void) | undefined, name: string, loop: Loop) {
    this.listener = listener;
    this.name = name;
    this.loop = loop;
    this.events = [];
    this.telling = false;
  }

  get heard(): boolean {
    return this.listener !== undefined;
  }

  say(event: PoolEvent): void {
    if (this.listener !== undefined) this.events.push(event);
  }

  tell(): void {
    if (this.listener === undefined || this.telling || this.events.length === 0) return;
    this.telling = true;
    for (let event = this.events.shift(); event !== undefined; event = this.events.shift()) {
      try {
        this.listener(event);
      } catch (error) {
        this.loop.report({ kind: "host", message: `the onEvent of the pool "${this.name}" threw`, error });
      }
    }
    this.telling = false;
  }
}
