/** The settings of a link as a user reads and sets them. */
import { checked, type Link, type LinkSettings } from "./links.ts";

/** Each setting, as a property. */
const NAMES = [
  "latency",
  "jitter",
  "distribution",
  "loss",
  "bandwidth",
  "mss",
  "slices",
  "drip",
  "window",
  "sendBuffer",
  "duplicate",
  "reorder",
  "reorderBy",
] as const satisfies readonly (keyof LinkSettings)[];

/**
 * A link between two computers: every setting can be read, and be set for both directions at once. Get one from
 * `world.network.link(a, b)`.
 *
 * @example
 * ```ts
 * import { sleep } from "rondo";
 * import { simulate } from "rondo/sim";
 *
 * simulate({}, function* (world) {
 *   world.node("far", () => sleep(1000));
 *   const link = world.network.link("world", "far");
 *   link.latency = 150;
 *   link.set({ jitter: 30, distribution: "exponential", loss: 0.01 });
 *   console.log(link.latency, world.network.link("far", "world").loss); // prints: 150 0.01
 * });
 * ```
 */
export class LinkControl implements LinkSettings {
  declare latency: number;
  declare jitter: number;
  declare distribution: LinkSettings["distribution"];
  declare loss: number;
  declare bandwidth: number;
  declare mss: number;
  declare slices: boolean;
  declare drip: number;
  declare window: number;
  declare sendBuffer: number;
  declare duplicate: number;
  declare reorder: number;
  declare reorderBy: number;
  /** @internal */
  readonly links: readonly Link[];
  private readonly change: (settings: Partial<LinkSettings>, links: readonly Link[]) => void;

  /** @internal */
  constructor(links: readonly Link[], change: (settings: Partial<LinkSettings>, links: readonly Link[]) => void) {
    this.links = links;
    this.change = change;
  }

  /** Several settings at once. Windows and buffers hold for connections made from then on. */
  set(settings: Partial<LinkSettings>): void {
    this.change(checked(settings), this.links);
  }
}

for (const name of NAMES) {
  Object.defineProperty(LinkControl.prototype, name, {
    get(this: LinkControl) {
      return (this.links[0] as Link).settings[name];
    },
    set(this: LinkControl, value: never) {
      this.set({ [name]: value });
    },
  });
}
