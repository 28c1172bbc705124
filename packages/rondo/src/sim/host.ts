/** The host of one simulated node: its clock, and the world's chance, network and disk as they are seen from there. */
import type { Host, Report } from "../loop/host.ts";
import type { Loop } from "../loop/loop.ts";

/** What a host asks of its node. */
export interface HostNode {
  now(): number;
  wallClock(): number;
  choose(stream: string, n: number, label?: string): number;
  report(report: Report): void;
  service(name: string): unknown;
  forbids(what: string): Error | undefined;
  buggify(name: string): boolean;
}

export class SimHost implements Host {
  /** The order is drawn by the world, among the tasks of all nodes. */
  readonly shuffles = false;
  private readonly node: HostNode;

  constructor(node: HostNode) {
    this.node = node;
  }

  now(): number {
    return this.node.now();
  }

  wallClock(): number {
    return this.node.wallClock();
  }

  choose(stream: string, n: number, label?: string): number {
    return this.node.choose(stream, n, label);
  }

  report(report: Report): void {
    this.node.report(report);
  }

  service(name: string): unknown {
    return this.node.service(name);
  }

  forbids(what: string): Error | undefined {
    return this.node.forbids(what);
  }

  buggify(name: string): boolean {
    return this.node.buggify(name);
  }

  /** The world looks for itself what is ready, and when the next timer is due. */
  kick(_loop: Loop): void {}

  wakeSoon(_loop: Loop): void {}

  wakeAt(_loop: Loop, _at: number): boolean {
    return false;
  }

  attach(_loop: Loop): () => void {
    return () => {};
  }

  another(): this {
    return this;
  }
}
