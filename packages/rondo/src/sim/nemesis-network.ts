/** Nemeses of the network: what they cut, clog, slow down and lose. */
import type { Field, Nemesis, NemesisOptions, Span } from "./nemesis.ts";
import type { LinkSettings } from "./links.ts";
import type { NameFailure } from "./names.ts";
import type { SimNode } from "./node.ts";

/** What every nemesis takes: how long it lasts, and whom it may harm. */
export type Aimed = Pick<NemesisOptions, "for" | "nodes">;

/** How nodes are parted. */
export interface PartitionOptions extends Aimed {
  /** `any` drawn two groups, or `minority` and the rest. Default `any`. */
  readonly kind?: "any" | "minority" | undefined;
  /** Whether only one direction may be cut: `never`, `always`, or by draw. Default by draw. */
  readonly oneWay?: "never" | "always" | "drawn" | undefined;
}

/**
 * Parts the nodes into two groups between which nothing arrives, in both directions or in one.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { partition, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 4, record: true }, function* (world) {
 *   for (const name of ["a", "b", "c"]) world.node(name, () => sleep(60_000));
 *   world.nemesis(partition({ oneWay: "never" }), { every: 1000, for: 500, times: 1 });
 *   yield* sleep(10_000);
 * });
 * const links = run.story.filter(({ text }) => text.startsWith("link"));
 * console.log(links.length > 0, links.length % 2); // prints: true 0
 * ```
 */
export function partition(options: PartitionOptions = {}): Nemesis {
  const { kind = "any", oneWay = "drawn" } = options;
  return {
    name: "a partition",
    options,
    strike(field) {
      const { nodes } = field;
      if (nodes.length < 2) return;
      const most = kind === "minority" ? Math.max(1, Math.ceil(nodes.length / 2) - 1) : nodes.length - 1;
      const side = field.some(nodes, most, "one side");
      const other = nodes.filter((node) => !side.includes(node));
      const ways = oneWay === "always" ? 1 + field.draw(2, "way") : oneWay === "never" ? 0 : field.draw(3, "ways");
      for (const a of side) {
        for (const b of other) {
          if (ways !== 2) field.cut(a, b);
          if (ways !== 1) field.cut(b, a);
        }
      }
    },
  };
}

/**
 * Cuts one node off from all others, also from the world's own.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { isolate, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   for (const name of ["a", "b", "c", "d", "e"]) world.node(name, () => sleep(1_000_000));
 *   const trouble = world.nemesis(isolate(), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   return world.nodes.filter((node) => world.network.isCut("world", node)).length;
 * });
 * console.log(run.value); // prints: 1
 * ```
 */
export function isolate(options: Aimed = {}): Nemesis {
  return {
    name: "an isolated node",
    options,
    strike(field) {
      const node = field.pick(field.nodes, "victim");
      for (const other of field.everybody) if (other !== node) cutBoth(field, node, other);
    },
  };
}

/**
 * Every node is left with its two neighbours in a drawn circle: of five, each sees a majority, and no two see the same one.
 * Does nothing to fewer than four.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { ring, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   for (const name of ["a", "b", "c", "d", "e"]) world.node(name, () => sleep(1_000_000));
 *   const trouble = world.nemesis(ring(), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   const { nodes, network } = world;
 *   const seen = nodes.map((a) => nodes.filter((b) => a !== b && !network.isCut(a, b)).length);
 *   return seen.join(" ");
 * });
 * console.log(run.value); // prints: 2 2 2 2 2
 * ```
 */
export function ring(options: Aimed = {}): Nemesis {
  return {
    name: "a ring",
    options,
    strike(field) {
      const circle = field.some(field.nodes, 1, "first");
      const rest = field.nodes.filter((node) => !circle.includes(node));
      while (rest.length > 0) circle.push(...rest.splice(field.draw(rest.length, "next"), 1));
      circle.forEach((a, i) => {
        circle.slice(i + 2).forEach((b, k) => {
          if (!(i === 0 && k === circle.length - 3)) cutBoth(field, a, b);
        });
      });
    },
  };
}

/**
 * Two halves that are connected only over one node, which sees everybody. Does nothing to fewer than three.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { bridge, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   for (const name of ["a", "b", "c", "d", "e"]) world.node(name, () => sleep(1_000_000));
 *   const trouble = world.nemesis(bridge(), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   const { nodes, network } = world;
 *   return nodes.filter((a) => nodes.every((b) => a === b || !network.isCut(a, b))).length;
 * });
 * console.log(run.value); // prints: 1
 * ```
 */
export function bridge(options: Aimed = {}): Nemesis {
  return {
    name: "a bridge",
    options,
    strike(field) {
      const middle = field.pick(field.nodes, "bridge");
      const rest = field.nodes.filter((node) => node !== middle);
      if (rest.length < 2) return;
      const side = field.some(rest, rest.length - 1, "one side");
      for (const a of side) for (const b of rest) if (!side.includes(b)) cutBoth(field, a, b);
    },
  };
}

/** How a link comes and goes. */
export interface FlapOptions extends Aimed {
  /** How long it is up, and how long it is down, each time anew, in ms. Default 5 to 200. */
  readonly period?: Span | undefined;
}

/**
 * A link between two nodes comes and goes.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { flap, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   for (const name of ["a", "b"]) world.node(name, () => sleep(1_000_000));
 *   const trouble = world.nemesis(flap({ period: 20 }), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   const seen: boolean[] = [];
 *   for (let i = 0; i < 4; i++, yield* sleep(20)) seen.push(world.network.isCut("a", "b"));
 *   return seen.join(" ");
 * });
 * console.log(run.value); // prints: true false true false
 * ```
 */
export function flap(options: FlapOptions = {}): Nemesis {
  const { period = [5, 200] } = options;
  return {
    name: "a flapping link",
    options,
    strike(field) {
      if (field.nodes.length < 2) return;
      const a = field.pick(field.nodes, "one end");
      const b = field.pick(
        field.nodes.filter((node) => node !== a),
        "other end",
      );
      const down = (): void => {
        const back = [field.cut(a, b), field.cut(b, a)];
        field.after(field.between(period, "down"), () => {
          for (const one of back) one();
          field.after(field.between(period, "up"), down);
        });
      };
      down();
    },
  };
}

/**
 * What is sent over the links of one node is held, and comes all at once when it is over.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { udp } from "rondo/net";
 * import { clog, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1, network: { faults: "none" } }, function* (world) {
 *   const node = world.node("a", function* () {
 *     const socket = yield* udp({ bind: { port: 7 } });
 *     yield* socket.receive();
 *     socket.close();
 *     return world.time;
 *   });
 *   const trouble = world.nemesis(clog({ nodes: ["a"] }), { every: 100, for: 500, times: 1 });
 *   while (!trouble.active) yield* sleep(10);
 *   const start = world.time;
 *   const socket = yield* udp();
 *   yield* socket.send("late", { host: node.address, port: 7 });
 *   const { value } = yield* node.ended();
 *   socket.close();
 *   return (value as number) - start > 400;
 * });
 * console.log(run.value); // prints: true
 * ```
 */
export function clog(options: Aimed = {}): Nemesis {
  return {
    name: "clogged links",
    options,
    strike(field) {
      const { network } = field;
      const node = field.pick(field.nodes, "victim");
      const oneWay = { oneWay: true };
      const ways = field.draw(3, "ways");
      for (const other of field.everybody) {
        if (other === node) continue;
        const directions: [SimNode, SimNode][] = [];
        if (ways !== 2) directions.push([node, other]);
        if (ways !== 1) directions.push([other, node]);
        for (const [from, to] of directions)
          field.share(
            [from, to],
            `clog ${from.name}>${to.name}`,
            () => network.clog(from, to, oneWay),
            () => network.unclog(from, to, oneWay),
          );
      }
    },
  };
}

/** What becomes of packets. */
export interface LossyOptions extends Aimed {
  /** The part of packets that is lost, 0 to 1. Default 0.3. */
  readonly loss?: number | undefined;
  /** The part of datagrams that comes twice, and that is overtaken by others. Default 0.2 each. */
  readonly duplicate?: number | undefined;
  readonly reorder?: number | undefined;
}

/**
 * The links of some nodes lose packets, and datagrams come twice or late.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { lossy, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1, network: { faults: "none" } }, function* (world) {
 *   for (const name of ["a", "b"]) world.node(name, () => sleep(1_000_000));
 *   const trouble = world.nemesis(lossy({ nodes: ["a"], loss: 0.5 }), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   const during = world.network.link("a", "b").loss;
 *   trouble.stop();
 *   return `${during}, then ${world.network.link("a", "b").loss}`;
 * });
 * console.log(run.value); // prints: 0.5, then 0
 * ```
 */
export function lossy(options: LossyOptions = {}): Nemesis {
  const { loss = 0.3, duplicate = 0.2, reorder = 0.2 } = options;
  return {
    name: "lossy links",
    options,
    strike(field) {
      for (const node of field.some(field.nodes, field.nodes.length, "victim"))
        setLinks(field, node, { loss, duplicate, reorder });
    },
  };
}

/** How slow links are. */
export interface SlowLinksOptions extends Aimed {
  /** How many ms longer a packet takes. Default 50 to 1000. */
  readonly latency?: Span | undefined;
}

/**
 * The links of some nodes are slow.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { simulate, slowLinks } from "rondo/sim";
 *
 * const run = simulate({ seed: 1, network: { faults: "none" } }, function* (world) {
 *   for (const name of ["a", "b"]) world.node(name, () => sleep(1_000_000));
 *   const trouble = world.nemesis(slowLinks({ nodes: ["a"], latency: 200 }), { every: 100, for: 500 });
 *   while (!trouble.active) yield* sleep(10);
 *   return world.network.link("a", "b").latency;
 * });
 * console.log(run.value); // prints: 200.5
 * ```
 */
export function slowLinks(options: SlowLinksOptions = {}): Nemesis {
  const { latency = [50, 1000] } = options;
  return {
    name: "slow links",
    options,
    strike(field) {
      const ms = field.between(latency, "latency");
      for (const node of field.some(field.nodes, field.nodes.length, "victim")) addLatency(field, node, ms);
    },
  };
}

/** How name servers fail. */
export interface DnsOutageOptions extends Aimed {
  /** Default: one of them, by draw. */
  readonly how?: NameFailure | undefined;
}

const FAILURES: readonly NameFailure[] = ["fault", "refused", "not-found", "silence"];

/**
 * Some nodes cannot resolve names.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { resolve, SystemError } from "rondo/net";
 * import { dnsOutage, simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 1 }, function* (world) {
 *   const node = world.node("a", function* () {
 *     for (;;) {
 *       try {
 *         yield* resolve("a");
 *       } catch (error) {
 *         return (error as SystemError).code;
 *       }
 *       yield* sleep(10);
 *     }
 *   });
 *   world.nemesis(dnsOutage({ how: "not-found" }), { every: 100, for: 500 });
 *   return (yield* node.ended()).value;
 * });
 * console.log(run.value); // prints: ENOTFOUND
 * ```
 */
export function dnsOutage(options: DnsOutageOptions = {}): Nemesis {
  return {
    name: "no names",
    options,
    strike(field) {
      const { names } = field.network;
      const how = options.how ?? field.pick(FAILURES, "how");
      for (const node of field.some(field.nodes, field.nodes.length, "victim"))
        field.share(
          [node],
          `names ${node.name}`,
          () => names.fail(how, { place: node }),
          () => names.restore({ place: node }),
        );
    },
  };
}

function cutBoth(field: Field, a: SimNode, b: SimNode): void {
  field.cut(a, b);
  field.cut(b, a);
}

/** Raises settings of all links of a node, in both directions, to at least these. */
function setLinks(field: Field, node: SimNode, settings: Partial<Record<keyof LinkSettings, number>>): void {
  for (const [name, value] of Object.entries(settings) as [NumberSetting, number][])
    changeLinks(field, node, name, (was) => Math.max(was, value));
}

type NumberSetting = "latency" | "loss" | "duplicate" | "reorder";

/** Packets from and to a node take so many ms longer. */
export function addLatency(field: Field, node: SimNode, ms: number): void {
  changeLinks(field, node, "latency", (was) => was + ms);
}

function changeLinks(field: Field, node: SimNode, name: NumberSetting, wish: (was: number) => number): void {
  const { network } = field;
  for (const other of field.everybody) {
    if (other === node) continue;
    for (const [from, to] of [
      [node, other],
      [other, node],
    ] as const) {
      const link = network.link(from, to, { oneWay: true });
      field.change(
        [from, to],
        `${name} ${from.name}>${to.name}`,
        () => link[name],
        (value) => {
          link[name] = value;
        },
        wish,
      );
    }
  }
}
