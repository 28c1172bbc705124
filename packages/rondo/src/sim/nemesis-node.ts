/** Nemeses of computers: they crash, stand still, become slow, and lose the time or their disks. */
import type { Nemesis, Span } from "./nemesis.ts";
import { addLatency, type Aimed } from "./nemesis-network.ts";

/** Who crashes, and how often. */
export interface CrashStormOptions extends Aimed {
  /** How many may be down at once; `minority` is less than half of them, at least one. Default `minority`. */
  readonly most?: number | "minority" | undefined;
  /** How long a node is down, in ms, before it is started again. Default 10 to 1000. */
  readonly down?: Span | undefined;
  /** How long it is up before it crashes again while the storm lasts, in ms. Default 10 to 1000. */
  readonly up?: Span | undefined;
}

/**
 * Some nodes crash and are started again, several times while it lasts. When it is over, those that it has crashed are up.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { crashStorm, disk, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 2 }, function* (world) {
 *   const node = world.node("a", function* () {
 *     yield* disk().append("starts", "x");
 *     yield* disk().fsync("starts");
 *     yield* sleep(1_000_000);
 *   });
 *   world.nemesis(crashStorm());
 *   yield* sleep(100_000);
 *   return node.incarnation > 1 && (node.disk.contents("starts")?.length ?? 0) > 1;
 * });
 * console.log(run.value); // prints: true
 * ```
 */
export function crashStorm(options: CrashStormOptions = {}): Nemesis {
  const { most = "minority", down = [10, 1000], up = [10, 1000] } = options;
  return {
    name: "a crash storm",
    options,
    strike(field) {
      const count = most === "minority" ? Math.max(1, Math.ceil(field.nodes.length / 2) - 1) : most;
      for (const node of field.some(field.nodes, count, "victim")) {
        const strike = (): void => {
          // One that has ended, or was stopped or crashed by somebody else, is not this one's to start.
          if (!node.up) return;
          const back = field.effect([node], () => {
            node.crash();
            const { incarnation } = node;
            return () => {
              if (!field.ending && !node.up && node.incarnation === incarnation) node.restart();
            };
          });
          field.after(field.between(down, "down"), () => {
            back();
            field.after(field.between(up, "up"), strike);
          });
        };
        strike();
      }
    },
  };
}

/** Who stands still. */
export interface PausesOptions extends Aimed {
  /** How many at once. Default all of them. */
  readonly most?: number | undefined;
}

/**
 * Some nodes stand still, as a process that the system has stopped, or one that collects garbage; then all goes on at once.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { pauses, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   const node = world.node("a", () => sleep(1_000_000));
 *   const trouble = world.nemesis(pauses(), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   const during = node.paused;
 *   yield* sleep(500);
 *   return `${during}, then ${node.paused}`;
 * });
 * console.log(run.value); // prints: true, then false
 * ```
 */
export function pauses(options: PausesOptions = {}): Nemesis {
  return {
    name: "a pause",
    options,
    strike(field) {
      const running = field.nodes.filter((node) => node.up && !node.paused);
      if (running.length === 0) return;
      for (const node of field.some(running, options.most ?? running.length, "victim"))
        field.share(
          [node],
          `pause ${node.name}`,
          () => node.pause(),
          () => node.resume(),
        );
    },
  };
}

/** How slow. */
export interface SlowNodeOptions extends Aimed {
  /** How many ms longer packets from and to it take. Default 20 to 500. */
  readonly latency?: Span | undefined;
  /** How many times slower its disk is. Default 2 to 100. */
  readonly disk?: Span | undefined;
}

/**
 * One node is slow, as far as others can see it: its answers, its disk.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { simulate, slowNode } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   const node = world.node("a", () => sleep(1_000_000));
 *   const trouble = world.nemesis(slowNode({ disk: 10 }), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   return node.disk.slow;
 * });
 * console.log(run.value); // prints: 10
 * ```
 */
export function slowNode(options: SlowNodeOptions = {}): Nemesis {
  const { latency = [20, 500], disk = [2, 100] } = options;
  return {
    name: "a slow node",
    options,
    strike(field) {
      const node = field.pick(field.nodes, "victim");
      const factor = field.between(disk, "disk");
      addLatency(field, node, field.between(latency, "latency"));
      field.tell(`${node.name} is slow`);
      const own = node.disk;
      field.change(
        [node],
        `slow ${node.name}`,
        () => own.slow,
        (value) => void (own.slow = value),
        (was) => was * factor,
      );
    },
  };
}

/** How wrong clocks are. */
export interface SkewOptions extends Aimed {
  /** How far the clock on the wall jumps, forth or back, in ms. Default 10 to 60,000. */
  readonly offset?: Span | undefined;
  /** How much faster or slower both clocks go. Default 0 to 0.05. */
  readonly drift?: Span | undefined;
}

/**
 * The clocks of some nodes are wrong: the one on the wall jumps, and both go too fast or too slow.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { simulate, skew } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   const node = world.node("a", () => sleep(1_000_000));
 *   const trouble = world.nemesis(skew({ offset: 60_000, drift: 0 }), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   return Math.abs(node.skew.offset);
 * });
 * console.log(run.value); // prints: 60000
 * ```
 */
export function skew(options: SkewOptions = {}): Nemesis {
  const { offset = [10, 60_000], drift = [0, 0.05] } = options;
  return {
    name: "wrong clocks",
    options,
    strike(field) {
      for (const node of field.some(field.nodes, field.nodes.length, "victim")) {
        const off = signed(field.between(offset, "offset"), field.draw(2, "back"));
        const rate = signed(field.between(drift, "drift"), field.draw(2, "slow"));
        const set = (what: "offset" | "drift") => (value: number) => node.clock({ [what]: value });
        field.change(
          [node],
          `offset ${node.name}`,
          () => node.skew.offset,
          set("offset"),
          (was) => was + off,
        );
        field.change(
          [node],
          `drift ${node.name}`,
          () => node.skew.drift,
          set("drift"),
          (was) => (1 + was) * (1 + rate) - 1,
        );
      }
    },
  };
}

function signed(value: number, back: number): number {
  return back === 1 ? -value : value;
}

/** What is wrong with a disk. */
export interface BadDiskOptions extends Aimed {
  /** `full`: no more fits on it; `slow`; `failing`: one operation in ten is `EIO`. Default: one of them, by draw. */
  readonly how?: "full" | "slow" | "failing" | undefined;
}

const TROUBLES = ["slow", "full", "failing"] as const;

/**
 * The disks of some nodes are slow, full, or fail.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { FileError } from "rondo/os";
 * import { badDisk, disk, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   const node = world.node("a", function* () {
 *     for (;;) {
 *       try {
 *         yield* disk().append("log", "more\n");
 *       } catch (error) {
 *         return (error as FileError).code;
 *       }
 *       yield* sleep(10);
 *     }
 *   });
 *   world.nemesis(badDisk({ how: "full" }), { every: 100, for: 500 });
 *   return (yield* node.ended()).value;
 * });
 * console.log(run.value); // prints: ENOSPC
 * ```
 */
export function badDisk(options: BadDiskOptions = {}): Nemesis {
  return {
    name: "a bad disk",
    options,
    strike(field) {
      for (const node of field.some(field.nodes, field.nodes.length, "victim")) {
        const { disk } = node;
        const how = options.how ?? field.pick(TROUBLES, "how");
        field.tell(`the disk of ${node.name} is ${how}`);
        const change = (key: Trouble, wish: (was: number) => number): void =>
          void field.change(
            [node],
            `${key} ${node.name}`,
            () => disk[key],
            (value) => void (disk[key] = value),
            wish,
          );
        if (how === "slow") change("slow", (was) => was * 50);
        else if (how === "full") change("capacity", (was) => Math.min(was, disk.used));
        else
          for (const key of ["failReads", "failWrites", "failSyncs"] as const) change(key, (was) => Math.max(was, 0.1));
      }
    },
  };
}

type Trouble = "slow" | "capacity" | "failReads" | "failWrites" | "failSyncs";
