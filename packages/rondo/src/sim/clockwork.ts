/**
 * The simulated world as its parts see it (network, disks, nemeses): a clock, things that happen at a time, draws, and a
 * place to say what was done to whom. The world itself is in world.ts.
 */
import type { Loop } from "../loop/loop.ts";
import type { Timed, Timers } from "../loop/timers.ts";
import type { Choices } from "./choices.ts";

/** A clock, and what happens when. */
export interface Clockwork {
  /** The time of the world, in ms since its start. Nodes have clocks of their own, which may be wrong. */
  readonly time: number;
  /**
   * What is to happen, by the time of the world: `events.set(event, at)`, `events.remove(event)`. Events that are due are
   * fired between steps, in order, never inside one. An event that never ends (a beacon) would keep a world alive in which
   * nobody has anything to do any more: such go to `background`, which count as nothing to wait for.
   */
  readonly events: Timers<Timed>;
  readonly background: Timers<Timed>;
  readonly choices: Choices;
  /** Whether somebody listens to `tell`: text is made only then. */
  readonly telling: boolean;
  /** For the story of a run: what was done to the world, such as `link a>b is cut`. */
  tell(text: string): void;
}

/** A computer, as the network and the disk see it. */
export interface Place {
  readonly name: string;
  /** Its IP addresses. */
  readonly addresses: readonly string[];
  /** Other names that resolve to it. */
  readonly aliases: readonly string[];
  /** The loop of the program that runs on it now; null while none does. */
  readonly loop: Loop | null;
  /** How often a program has been started on it: what belongs to an earlier one is dead. */
  readonly incarnation: number;
  /** Its program has crashed and was not started again, or has ended. */
  readonly down: boolean;
  /** It runs nothing, though time goes on and its system still takes what comes (a process that was stopped). */
  readonly paused: boolean;
}

/** What a part of the world is told of a computer. */
export interface Part {
  /** There is a new one, on which nothing runs yet. */
  added?(place: Place): void;
  /** Its program is gone at once and unheard: nothing it had is closed, everything is forgotten. */
  crashed(place: Place): void;
  /** Its program has ended by itself, or was stopped: what is still open is given back by the system, as that of a process. */
  ended(place: Place): void;
  /** What the program on it has open now, for the search for leaks: `listener tcp 10.0.0.1:80`. */
  held(place: Place): readonly string[];
  /** No more faults from here on; what lies between these works as it should again. What is broken elsewhere stays so. */
  calm?(core: readonly Place[]): void;
}
