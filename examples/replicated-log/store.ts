// What the log is for: a table of keys and values. Every replica does the same commands in the same order.
import type { Command } from "./messages.ts";

interface Session {
  readonly number: number;
  readonly value: string | null;
}

export class Store {
  private readonly values = new Map<string, string>();
  /** What each client's last command gave: it may come once more, and must not be done once more. */
  private readonly sessions = new Map<string, Session>();

  apply({ client, number, op, key, value }: Command): string | null {
    const last = this.sessions.get(client);
    if (last !== undefined && number <= last.number) return last.value;
    if (op === "put") this.values.set(key, value ?? "");
    const given = op === "get" ? (this.values.get(key) ?? null) : null;
    this.sessions.set(client, { number, value: given });
    return given;
  }

  get size(): number {
    return this.values.size;
  }
}
