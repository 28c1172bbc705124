/**
 * Offloading as a service of the host: a world without threads runs the function in its own way.
 */
import type { Operation } from "../coroutine/wait.ts";

/** A call that was checked: a function, by the module that exports it. */
export interface OffloadedCall {
  /** The URL of the module, or `node:` and a name. */
  readonly module: string;
  /** The name under which it is exported. */
  readonly export: string;
  readonly args: readonly unknown[];
  /** What changes hands. */
  readonly transfer: readonly unknown[] | undefined;
  /** What a person reads. */
  readonly title: string;
}

/** What a host brings that has no threads: `host.service("offload")`. */
export interface OffloadService {
  /** Gives what the function gives. A cancellation ends the call. */
  perform(call: OffloadedCall): Operation<unknown>;
}
