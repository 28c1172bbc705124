/**
 * The connections of a client: a pool for each origin, made when it is first asked for, closed when nobody has used it for a
 * while.
 *
 * A pool belongs to the scope in which it is opened, and a request is made in whatever scope the caller has just now. So one
 * task of the client's own, the keeper, opens them all, each in a task of its own that ends when the pool is idle; requests
 * only ask it for what is not there yet.
 */
import { Channel, ClosedError, type Coroutine, Deferred, Gate, group, moveOnAfter, now } from "rondo";
import { type Lease, pool, type Pool } from "rondo/net";

import type { MessageLimits } from "../limits.ts";
import { ClientConnection } from "./connection.ts";
import { dial, type DialOptions } from "./dial.ts";
import type { Proxy } from "./proxy.ts";
import type { Loan } from "./response.ts";
import type { Target } from "./target.ts";

/** What connections a client keeps. Times are in ms. */
export interface PoolSettings {
  readonly maxPerHost: number;
  readonly maxConnecting: number;
  readonly idle: number;
  readonly waitTimeout: number;
  readonly limits: Partial<MessageLimits> | undefined;
  readonly dial: DialOptions;
}

/** What connects to one origin. */
interface Entry {
  readonly pool: Pool<ClientConnection>;
  /** Opened when it is to end. */
  readonly end: Gate;
  lastUsed: number;
}

interface Order {
  readonly key: string;
  readonly target: Target;
  readonly proxy: Proxy | undefined;
  readonly entry: Deferred<Entry>;
}

/** How often pools are looked for that nobody uses, in ms. */
const SWEEP = 30_000;

export class Pools {
  private readonly settings: PoolSettings;
  private readonly entries: Map<string, Entry>;
  private readonly opening: Map<string, Deferred<Entry>>;
  private readonly orders: Channel<Order>;
  private over: boolean;

  constructor(settings: PoolSettings) {
    this.settings = settings;
    this.entries = new Map();
    this.opening = new Map();
    this.orders = new Channel<Order>(Infinity);
    this.over = false;
  }

  /** A connection that can carry a request to the target. Throws what connecting throws, and a `ClosedError`. */
  *borrow(target: Target, proxy: Proxy | undefined): Coroutine<Borrowed> {
    const key = keyOf(target, proxy);
    const entry = this.entries.get(key) ?? (yield* this.open(key, target, proxy));
    for (;;) {
      const lease = yield* entry.pool.acquire();
      if (lease.connection.usable) return new Borrowed(lease);
      // The server has closed it while nobody used it, or has said something that nobody asked for.
      lease.broken();
    }
  }

  /** Whether there are connections to the target, or have been just now. */
  has(target: Target, proxy: Proxy | undefined): boolean {
    return this.entries.size > 0 && this.entries.has(keyOf(target, proxy));
  }

  /** How many connections there are, by origin. */
  statistics(): Record<string, { readonly idle: number; readonly lent: number; readonly waiters: number }> {
    const all: Record<string, { readonly idle: number; readonly lent: number; readonly waiters: number }> = {};
    for (const [key, { pool: one }] of this.entries) {
      const { idle, lent, waiters } = one.statistics();
      all[key] = { idle, lent, waiters };
    }
    return all;
  }

  private *open(key: string, target: Target, proxy: Proxy | undefined): Coroutine<Entry> {
    if (this.over) throw new ClosedError("the client is closed: its scope has ended");
    let entry = this.opening.get(key);
    if (entry === undefined) {
      entry = new Deferred<Entry>();
      this.opening.set(key, entry);
      this.orders.trySend({ key, target, proxy, entry });
    }
    return yield* entry.wait();
  }

  /** The keeper's work. */
  *keep(): Coroutine<void> {
    const pools = this;
    try {
      yield* group(function* (g): Coroutine<void> {
        for (;;) {
          const { timedOut, value: order } = yield* moveOnAfter(pools.empty ? Infinity : SWEEP, pools.orders.receive());
          if (timedOut) pools.sweep();
          else if (order === undefined) return;
          else g.spawn(() => pools.keepOne(order), { name: `connections to ${order.key}` });
        }
      });
    } finally {
      this.close();
      for (const waiting of this.opening.values())
        waiting.reject(new ClosedError("the client is closed: its scope has ended"));
      this.opening.clear();
    }
  }

  private get empty(): boolean {
    return this.entries.size === 0 && this.opening.size === 0;
  }

  private *keepOne({ key, target, proxy, entry: opened }: Order): Coroutine<void> {
    const { settings } = this;
    const one = yield* pool<ClientConnection>({
      create: () => this.connect(target, proxy),
      destroy: (connection) => connection.close(),
      max: settings.maxPerHost,
      maxConnecting: settings.maxConnecting,
      idle: settings.idle,
      waitTimeout: settings.waitTimeout,
      name: `connections to ${key}`,
    });
    const entry: Entry = { pool: one, end: new Gate(), lastUsed: now() };
    this.entries.set(key, entry);
    this.opening.delete(key);
    opened.resolve(entry);
    try {
      yield* entry.end.wait();
    } finally {
      this.entries.delete(key);
    }
  }

  private *connect(target: Target, proxy: Proxy | undefined): Coroutine<ClientConnection> {
    return new ClientConnection(yield* dial(target, proxy, this.settings.dial), this.settings.limits);
  }

  private sweep(): void {
    const time = now();
    for (const [key, entry] of this.entries) {
      const { total, waiters } = entry.pool.statistics();
      if (total > 0 || waiters > 0) entry.lastUsed = time;
      else if (time - entry.lastUsed >= SWEEP) {
        // Nobody can get it any more from here on, and nobody has it.
        this.entries.delete(key);
        entry.end.open();
      }
    }
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.orders.close();
  }
}

function keyOf(target: Target, proxy: Proxy | undefined): string {
  if (proxy === undefined) return target.origin;
  // Plain requests to all hosts can share the connections to a proxy; tunnels lead to one.
  return target.secure ? `${target.origin} by ${proxy.name}` : `proxy ${proxy.name}`;
}

/** A connection of a pool, for one request and its answer. */
export class Borrowed implements Loan {
  private readonly lease: Lease<ClientConnection>;

  constructor(lease: Lease<ClientConnection>) {
    this.lease = lease;
  }

  get connection(): ClientConnection {
    return this.lease.connection;
  }

  release(): void {
    const { lease } = this;
    if (lease.connection.usable) lease.release();
    else lease.broken();
  }
}

/** A connection of nobody else's: used once. */
export class Single implements Loan {
  readonly connection: ClientConnection;

  constructor(connection: ClientConnection) {
    this.connection = connection;
  }

  release(): void {
    // What is over has been said; there is nobody who would use it again, and nothing to wait for.
    this.connection.abort();
  }
}
