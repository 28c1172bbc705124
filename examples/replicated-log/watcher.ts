// Who watches the cluster from outside, and knows what no replica knows: whether they contradict each other.
import type { Entry } from "./messages.ts";
import type { Observer, Replica } from "./replica.ts";

/** The promises of figure 3. */
export type Promised = "election safety" | "log matching" | "leader completeness" | "state machine safety";

export class Watcher implements Observer {
  /** The replicas as they run now. */
  readonly replicas = new Map<string, Replica>();
  /** Who led, by term. */
  readonly leaders = new Map<number, string>();
  /** What was agreed on, by place, and in which term. */
  private readonly agreed: { readonly entry: string; readonly term: number }[] = [];
  private readonly broken = new Map<Promised, string>();

  /** True, or what is wrong. */
  holds(promise: Promised): true | string {
    return this.broken.get(promise) ?? true;
  }

  leads({ name, term, entries }: Replica): void {
    const other = this.leaders.get(term);
    if (other !== undefined && other !== name)
      this.breaks("election safety", `${other} and ${name} lead in term ${term}`);
    this.leaders.set(term, name);
    // Votes may come late: who is elected now for an earlier term need not know what was agreed on since.
    const lost = this.agreed.findIndex((one, i) => one.term < term && one.entry !== shown(entries[i + 1]));
    if (lost !== -1)
      this.breaks(
        "leader completeness",
        `${name} leads in term ${term} without ${this.agreed[lost]?.entry} at ${lost + 1}`,
      );
  }

  applied(replica: Replica, index: number, entry: Entry): void {
    const known = this.agreed[index - 1];
    if (known === undefined) this.agreed[index - 1] = { entry: shown(entry), term: replica.term };
    else if (known.entry !== shown(entry))
      this.breaks(
        "state machine safety",
        `at ${index} ${replica.name} has done ${shown(entry)}, and not ${known.entry}`,
      );
    for (const other of this.replicas.values()) if (other !== replica) this.compare(replica, other);
  }

  /** Where two logs have an entry of the same term at the same place, they are the same up to there. */
  private compare(a: Replica, b: Replica): void {
    let at = Math.min(a.last, b.last);
    while (at > 0 && a.entries[at]?.term !== b.entries[at]?.term) at--;
    for (; at > 0; at--) {
      const [one, other] = [shown(a.entries[at]), shown(b.entries[at])];
      if (one === other) continue;
      this.breaks("log matching", `at ${at} ${a.name} has ${one}, and ${b.name} has ${other}`);
      return;
    }
  }

  private breaks(promise: Promised, how: string): void {
    if (!this.broken.has(promise)) this.broken.set(promise, how);
  }
}

function shown(entry: Entry | undefined): string {
  return JSON.stringify(entry) ?? "nothing";
}
