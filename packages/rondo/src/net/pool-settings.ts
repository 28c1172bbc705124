/**
 * The options of a pool, checked, with what holds where nothing was said.
 */
import { checkMs } from "../loop/sleep.ts";
import type { PoolOptions } from "./pool-options.ts";

/** As {@link PoolOptions}, complete. */
export interface Settings<C> extends Pick<PoolOptions<C>, "create" | "destroy" | "check" | "onEvent"> {
  readonly name: string;
  readonly max: number;
  readonly min: number;
  readonly maxConnecting: number;
  readonly maxWaiting: number;
  readonly checkAfter: number;
  readonly idle: number;
  readonly maxLifetime: number;
  readonly waitTimeout: number;
  readonly destroyTimeout: number;
}

function whole(value: unknown, least: number, what: string): number {
  if (value !== Infinity && (!Number.isInteger(value) || (value as number) < least)) {
    throw new RangeError(`${what} of a pool is a whole number, ${least} or more, or Infinity, not ${String(value)}`);
  }
  return value as number;
}

/** Throws a `TypeError` or a `RangeError` where an option makes no sense. */
export function settled<C>(options: PoolOptions<C>): Settings<C> {
  const { create, destroy, check, onEvent } = options;
  if (typeof create !== "function") {
    throw new TypeError("pool() takes { create }, a function that gives an operation which makes a connection");
  }
  const max = whole(options.max, 1, "the `max`");
  const min = whole(options.min ?? 0, 0, "the `min`");
  if (min > max || min === Infinity)
    throw new RangeError(`the \`min\` of a pool is at most its \`max\`, ${max}, not ${min}`);
  return {
    create,
    destroy,
    check,
    onEvent,
    name: options.name ?? "pool",
    max,
    min,
    maxConnecting: whole(options.maxConnecting ?? 2, 1, "the `maxConnecting`"),
    maxWaiting: whole(options.maxWaiting ?? Infinity, 0, "the `maxWaiting`"),
    checkAfter: checkMs(options.checkAfter ?? 1000, "the `checkAfter` of a pool"),
    idle: checkMs(options.idle ?? Infinity, "the `idle` of a pool"),
    maxLifetime: checkMs(options.maxLifetime ?? Infinity, "the `maxLifetime` of a pool"),
    waitTimeout: checkMs(options.waitTimeout ?? Infinity, "the `waitTimeout` of a pool"),
    destroyTimeout: checkMs(options.destroyTimeout ?? 5000, "the `destroyTimeout` of a pool"),
  };
}
