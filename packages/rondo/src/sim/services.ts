/**
 * What programs find at their host by name, beside the network: TLS, a disk, other threads. Each node has its own.
 */
import { kernel } from "../coroutine/kernel.ts";
import type { Runnable } from "../loop/loop.ts";
import { Disks } from "./disk.ts";
import type { Engine } from "./engine.ts";
import type { SimNode } from "./node.ts";
import { offloadAtOnce } from "./offload.ts";
import { tlsStub } from "./tls-stub.ts";

/** A call as a step of a loop, in line with its tasks. */
export class Step implements Runnable {
  readonly name: string;
  /** In the run queue it stands among tasks, whose numbers begin with 1: this is none. */
  readonly id = 0;
  private readonly work: () => void;

  constructor(name: string, work: () => void) {
    this.name = name;
    this.work = work;
  }

  /** What is caused in it is caused by no task. */
  step(): void {
    const { stepper } = kernel;
    kernel.stepper = null;
    try {
      this.work();
    } finally {
      kernel.stepper = stepper;
    }
  }
}

/** Gives the nodes of a world their services. */
export function addServices(engine: Engine): void {
  const disks = new Disks(engine);
  engine.parts.push(disks);
  engine.services.set("disk", (node) => disks.of(node));
  serve(engine, "offload", (node) => offloadAtOnce(engine.choices.stream(`offload ${node.name}`)));
  serve(engine, "tls", (node) =>
    tlsStub({
      name: node.name,
      wallClock: () => node.wallClock(),
      soon: (what, work) => node.loop?.ready(new Step(what, work)),
    }),
  );
}

/** One for each node, made when it is first asked for. */
function serve(engine: Engine, name: string, make: (node: SimNode) => unknown): void {
  const made: Map<SimNode, unknown> = new Map();
  engine.services.set(name, (node) => {
    let service = made.get(node);
    if (service === undefined) {
      service = make(node);
      made.set(node, service);
    }
    return service;
  });
}
