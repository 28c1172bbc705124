/**
 * Connections that keep a ledger, for the tests of the pool: how many there are, who uses which, and what was done to a
 * connection that nobody may touch any more.
 */
import { type Coroutine, sleep } from "../src/index.ts";
import type { PoolOptions } from "../src/net/index.ts";

export interface Connection {
  readonly id: number;
  open: boolean;
  inUse: boolean;
  good: boolean;
}

export class Ledger {
  made: Connection[] = [];
  /** Being made, in use, idle or being destroyed. */
  live = 0;
  most = 0;
  connecting = 0;
  mostConnecting = 0;
  readonly complaints: string[] = [];
  /** How long each takes, in ms. */
  connectTime = 0;
  destroyTime = 0;
  checkTime = 0;
  /** Whether the next one fails. */
  fails: () => boolean = () => false;

  /** For `create`. */
  *connect(): Coroutine<Connection> {
    this.most = Math.max(this.most, ++this.live);
    this.mostConnecting = Math.max(this.mostConnecting, ++this.connecting);
    let made = false;
    try {
      yield* sleep(this.connectTime);
      if (this.fails()) throw new Error("refused");
      const connection = { id: this.made.length + 1, open: true, inUse: false, good: true };
      this.made.push(connection);
      made = true;
      return connection;
    } finally {
      this.connecting--;
      if (!made) this.live--;
    }
  }

  /** For `destroy`. */
  *destroy(connection: Connection): Coroutine<void> {
    if (!connection.open) this.complaints.push(`${connection.id} was destroyed twice`);
    connection.open = false;
    yield* sleep(this.destroyTime);
    this.live--;
  }

  /** For `check`. */
  *check(connection: Connection): Coroutine<boolean> {
    if (connection.inUse) this.complaints.push(`${connection.id} was checked while it was in use`);
    if (!connection.open) this.complaints.push(`${connection.id} was checked after its end`);
    yield* sleep(this.checkTime);
    return connection.good;
  }

  begin(connection: Connection): void {
    if (connection.inUse) this.complaints.push(`${connection.id} is used by two`);
    if (!connection.open) this.complaints.push(`${connection.id} was lent after its end`);
    connection.inUse = true;
  }

  end(connection: Connection): void {
    connection.inUse = false;
  }
}

/** A ledger with these times and failures. */
export function ledgerWith(changes: Partial<Ledger> = {}): Ledger {
  return Object.assign(new Ledger(), changes);
}

/** The options of a pool of at most three connections of a ledger, with others in their place. */
export function pooling(ledger: Ledger, more: Partial<PoolOptions<Connection>> = {}): PoolOptions<Connection> {
  return {
    create: () => ledger.connect(),
    destroy: (connection) => ledger.destroy(connection),
    max: 3,
    name: "db",
    ...more,
  };
}

/** Takes a moment, and gives `value`. */
export function* give<T>(value: T): Coroutine<T> {
  yield* sleep(1);
  return value;
}
