// The same replicas and the same clients, in a world where everything that can happen to them does.
//
// Safety is looked at after every step: nothing that was agreed on is ever lost, and nobody contradicts anybody. Liveness is
// looked at when the faults are over: then every command must be done before long. And what the clients saw must be what
// one table of keys and values, used by one at a time, would have shown them.
import { type Coroutine, sleep } from "rondo";
import { listen } from "rondo/net";
import {
  assertLinearizable,
  bridge,
  crashStorm,
  disk,
  flap,
  type History,
  isolate,
  keyValue,
  lossy,
  type Nemesis,
  partition,
  pauses,
  ring,
  type SimNode,
  skew,
  slowNode,
  type World,
} from "rondo/sim";
import { Client } from "./client.ts";
import type { Medium } from "./journal.ts";
import { type Member, Replica, type Timing } from "./replica.ts";
import { type Promised, Watcher } from "./watcher.ts";

const PORT = 7000;
const FILE = "journal";
const COMMANDS = 6;
/**
 * The network may be a slow one that loses packets, so everybody is more patient than on a loopback. With the times that are
 * good there, the first runs elected nobody: a question was given up, and its connection with it, before it could be answered.
 */
const TIMING: Timing = { heartbeat: 100, patience: 1000, answer: 800 };
const CLIENT_PATIENCE = 2000;
const KEYS = ["colour", "shape"] as const;

/** What makes trouble, and for whom: only replicas crash, but clients lose their answers too. Any may be asked for alone. */
export const nemeses: Readonly<Record<string, (nodes: readonly SimNode[]) => Nemesis>> = {
  partitions: (nodes) => partition({ nodes }),
  "isolated nodes": (nodes) => isolate({ nodes }),
  rings: () => ring(),
  bridges: () => bridge(),
  "flapping links": (nodes) => flap({ nodes }),
  "lossy links": (nodes) => lossy({ nodes }),
  crashes: () => crashStorm(),
  pauses: () => pauses({ most: 2 }),
  "slow nodes": () => slowNode(),
  "wrong clocks": () => skew(),
};

/** The disk of the computer that this runs on. */
const onDisk: Medium = {
  *read() {
    return (yield* disk().exists(FILE)) ? yield* disk().read(FILE) : new Uint8Array();
  },
  *truncate(length) {
    yield* disk().truncate(FILE, length);
    yield* disk().fsync(FILE);
  },
  *append(bytes) {
    yield* disk().append(FILE, bytes);
    yield* disk().fsync(FILE);
  },
};

/** One that says it is done before the disk has it, as a program does that leaves out `fsync`: for seeing that this is found. */
export const forgetful: Medium = {
  ...onDisk,
  *append(bytes) {
    yield* disk().append(FILE, bytes);
  },
};

const promises: readonly Promised[] = [
  "election safety",
  "log matching",
  "leader completeness",
  "state machine safety",
];

export interface ClusterOptions {
  /** Which nemeses; all of them where nothing is said. */
  readonly kinds?: readonly string[];
  /** What its replicas write to. */
  readonly medium?: Medium;
  /** For campaigns that are long enough: what must have been seen at least once, or they have shown little. */
  readonly seen?: boolean;
}

/** A cluster of three or five under nemeses, with three clients. */
export function cluster({ kinds = Object.keys(nemeses), medium = onDisk, seen = false }: ClusterOptions = {}) {
  return function* (world: World): Coroutine<void> {
    const names = ["ann", "bob", "eve", "ida", "joe"].slice(0, world.chance(0.3, "five of them") ? 5 : 3);
    const members = names.map((name): Member => ({ name, host: name, port: PORT }));
    const watcher = new Watcher();
    for (const promise of promises) world.always(promise, () => watcher.holds(promise));
    const history = world.history();
    const replicas = names.map((name) => world.node(name, (node) => replica(node, members, watcher, medium)));
    const clients = ["x", "y", "z"].map((name) =>
      world.node(name, () => client(new Client(name, members, CLIENT_PATIENCE), world, history)),
    );

    const trouble = kinds.map((kind) => nemeses[kind]?.([...replicas, ...clients]) ?? unknown(kind));
    if (trouble.length > 0) world.nemesis(trouble, { every: [50, 1500], for: [50, 4000], nodes: replicas });
    yield* sleep(world.integer(0, 15_000, "how long there is trouble"));

    const isDone = (): boolean | string =>
      clients.every((node) => node.down) ||
      `commands are not done: ${clients.filter((node) => node.up).map(({ name }) => name)}`;
    yield* world.liveness({ core: [...replicas, ...clients], within: 60_000, progress: isDone });
    assertLinearizable(history, keyValue());
    if (!seen) return;
    world.sometimes("a leader was followed by another", watcher.leaders.size > 1);
    world.sometimes(
      "somebody came back",
      replicas.some(({ incarnation }) => incarnation > 1),
    );
  };
}

function unknown(kind: string): never {
  throw new RangeError(`there is no nemesis "${kind}"; there are ${Object.keys(nemeses).join(", ")}`);
}

function* replica(node: SimNode, members: readonly Member[], watcher: Watcher, medium: Medium): Coroutine<void> {
  const one = new Replica({ name: node.name, members, medium, observer: watcher, timing: TIMING });
  watcher.replicas.set(node.name, one);
  yield* one.run(yield* listen({ port: PORT }));
}

function* client(one: Client, world: World, history: History): Coroutine<void> {
  for (let i = 0; i < COMMANDS; i++) {
    yield* sleep(world.integer(0, 2000, "thinks"));
    const key = world.pick(KEYS, "key");
    if (world.chance(0.5, "put")) {
      const value = `${one.name}${i}`;
      yield* history.call(one.name, "put", [key, value], () => one.put(key, value));
    } else {
      yield* history.call(one.name, "get", [key], function* () {
        return (yield* one.get(key)) ?? undefined;
      });
    }
  }
  one.hangUp();
}
