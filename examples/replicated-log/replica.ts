// One replica of the log: the essentials of Raft (Ongaro and Ousterhout 2014, "In search of an understandable consensus
// algorithm"; the numbers in comments are those of its figure 2).
//
// What is changed is written down before anybody hears of it, so whoever changes something holds `turn` until it is on
// the disk, and is shielded meanwhile: cancelled half way, memory and disk would tell two stories.
import {
  Channel,
  type Coroutine,
  Deferred,
  group,
  type Group,
  Lock,
  moveOnAfter,
  now,
  type Operation,
  shield,
  sleep,
  sleepUntil,
} from "rondo";
import { type ByteStream, type Listener, serve } from "rondo/net";
import { type Address, Caller } from "./caller.ts";
import { Journal, type Medium } from "./journal.ts";
import type {
  AppendReply,
  AppendRequest,
  Command,
  CommandReply,
  Entry,
  Request,
  VoteReply,
  VoteRequest,
} from "./messages.ts";
import { Store } from "./store.ts";

export interface Member extends Address {
  readonly name: string;
}

/** Times in ms. A leader is heard every `heartbeat`; who hears none for `patience` to twice as long wants to lead. */
export interface Timing {
  readonly heartbeat: number;
  readonly patience: number;
  /** How long an answer may take. */
  readonly answer: number;
}

const TIMING: Timing = { heartbeat: 50, patience: 250, answer: 150 };

/** Who watches a cluster from outside. */
export interface Observer {
  leads?(replica: Replica): void;
  applied?(replica: Replica, index: number, entry: Entry): void;
}

export interface ReplicaOptions {
  readonly name: string;
  /** All of them, this one too. */
  readonly members: readonly Member[];
  readonly medium: Medium;
  readonly timing?: Timing;
  readonly observer?: Observer;
}

/** No more than so many entries go in one message. */
const MOST = 32;

/** Somebody whose command is in the log, and not yet agreed on. */
interface Waiting {
  readonly term: number;
  readonly reply: Deferred<CommandReply>;
}

export class Replica {
  readonly name: string;
  role: "follower" | "candidate" | "leader" = "follower";
  term = 0;
  vote: string | null = null;
  /** The log; the entry at 0 is there so that places count from 1. */
  entries: Entry[] = [{ term: 0, command: null }];
  committed = 0;
  readonly store = new Store();
  private readonly members: readonly Member[];
  private readonly timing: Timing;
  private readonly observer: Observer;
  private readonly journal: Journal;
  private readonly callers: ReadonlyMap<string, Caller>;
  private readonly turn = new Lock({ name: "state" });
  private readonly waiting = new Map<number, Waiting>();
  /** When a leader was last heard, or a vote given. */
  private heard = 0;
  private deposed = new Deferred<void>();
  /** While it leads: up to where the others agree, and how to wake those who write to them. */
  private readonly matched = new Map<string, number>();
  private readonly bells = new Map<string, Channel<true>>();

  constructor({ name, members, medium, timing = TIMING, observer = {} }: ReplicaOptions) {
    this.name = name;
    this.members = members;
    this.timing = timing;
    this.observer = observer;
    this.journal = new Journal(medium);
    this.callers = new Map(members.filter((one) => one.name !== name).map((one) => [one.name, new Caller(one)]));
  }

  get last(): number {
    return this.entries.length - 1;
  }

  /** Serves on this listener until it is cancelled. */
  *run(listener: Listener): Coroutine<void> {
    try {
      const { term, vote, entries } = yield* this.journal.load();
      this.term = term;
      this.vote = vote;
      this.entries.push(...entries);
      yield* group((g) => this.serving(g, listener));
    } finally {
      listener.close(); // the server closes it too, but it may never have begun
      for (const caller of this.callers.values()) caller.hangUp();
    }
  }

  private *serving(g: Group, listener: Listener): Coroutine<void> {
    g.spawn(
      serve(listener, (stream) => this.attend(stream)),
      { name: "server" },
    );
    this.heard = now();
    for (;;) {
      const { heard } = this;
      yield* sleepUntil(heard + this.patience());
      if (this.heard > heard) continue; // somebody leads
      if (yield* this.campaign()) yield* this.lead();
    }
  }

  /** Two who always lose patience together would elect nobody: so it is left to chance, and differs by the place in the list. */
  private patience(): number {
    const { patience } = this.timing;
    const place = this.members.findIndex(({ name }) => name === this.name) / this.members.length;
    return patience * (1 + 0.2 * place + Math.random());
  }

  // ---- answering ---------------------------------------------------------------------------------------------------

  private *attend(stream: ByteStream): Coroutine<void> {
    const lines = stream.lines();
    for (let line = yield* lines.next(); line !== undefined; line = yield* lines.next())
      yield* stream.write(`${JSON.stringify(yield* this.answer(JSON.parse(line) as Request))}\n`);
  }

  private *answer(request: Request): Coroutine<VoteReply | AppendReply | CommandReply> {
    if (request.kind === "command") return yield* this.propose(request.command);
    if (request.kind === "vote") return yield* this.change(() => this.voted(request));
    return yield* this.change(() => this.appended(request));
  }

  /** One change at a time, and each of them whole. */
  private *change<T>(body: () => Coroutine<T>): Coroutine<T> {
    using _turn = yield* this.turn.hold();
    return yield* shield(body);
  }

  /** RequestVote. */
  private *voted({ term, candidate, lastIndex, lastTerm }: VoteRequest): Coroutine<VoteReply> {
    if (term > this.term) yield* this.follow(term);
    const mine = this.termAt(this.last);
    const isUpToDate = lastTerm > mine || (lastTerm === mine && lastIndex >= this.last); // 5.4.1
    const granted = term === this.term && isUpToDate && (this.vote === null || this.vote === candidate);
    if (granted) {
      this.heard = now();
      if (this.vote === null) yield* this.journal.vote(term, (this.vote = candidate));
    }
    return { term: this.term, granted };
  }

  /** AppendEntries. */
  private *appended(request: AppendRequest): Coroutine<AppendReply> {
    const { term, previousIndex, previousTerm, entries } = request;
    if (term < this.term) return { term: this.term, ok: false, last: this.last };
    if (term > this.term || this.role !== "follower") yield* this.follow(term);
    this.heard = now();
    if (previousIndex > this.last || this.termAt(previousIndex) !== previousTerm)
      return { term, ok: false, last: Math.min(this.last, previousIndex - 1) };
    // Only from the first that differs: an old message must not cut off what a newer one has brought.
    const same = entries.findIndex((entry, i) => entry.term !== this.entries[previousIndex + 1 + i]?.term);
    if (same !== -1) {
      const at = previousIndex + 1 + same;
      yield* this.journal.append(at, entries.slice(same));
      this.entries.splice(at, Infinity, ...entries.slice(same));
    }
    this.commit(Math.min(request.committed, previousIndex + entries.length));
    return { term, ok: true, last: this.last };
  }

  /** There is a newer term, or somebody else leads this one. */
  private *follow(term: number): Coroutine<void> {
    if (this.role === "leader") this.deposed.resolve();
    this.role = "follower";
    for (const { reply } of this.waiting.values()) reply.resolve({ done: false });
    this.waiting.clear();
    if (term === this.term) return;
    this.term = term;
    this.vote = null;
    yield* this.journal.vote(term, null);
  }

  // ---- being elected -----------------------------------------------------------------------------------------------

  /** Asks for everybody's vote; true where most have given it. */
  private *campaign(): Coroutine<boolean> {
    const request = yield* this.change(() => this.stand());
    const votes = yield* group(
      (g) => {
        for (const caller of this.callers.values())
          g.spawn(() => caller.ask<VoteReply>(request, this.timing.answer), { name: "ask for a vote" });
        return this.count(g, request.term);
      },
      { collect: true },
    );
    if (votes * 2 <= this.members.length) return false;
    return yield* this.change(() => this.begin(request.term));
  }

  private *stand(): Coroutine<VoteRequest> {
    this.role = "candidate";
    this.term++;
    this.vote = this.name;
    this.heard = now();
    yield* this.journal.vote(this.term, this.name);
    return {
      kind: "vote",
      term: this.term,
      candidate: this.name,
      lastIndex: this.last,
      lastTerm: this.termAt(this.last),
    };
  }

  private *count(g: Group, term: number): Coroutine<number> {
    let votes = 1;
    for (;;) {
      const task = yield* g.next();
      if (task === undefined) return votes;
      const reply = (yield* task) as VoteReply | undefined;
      if (reply === undefined) continue;
      if (reply.term > term) yield* this.change(() => this.newer(reply.term));
      if (!reply.granted || ++votes * 2 <= this.members.length) continue;
      g.cancel("it has enough votes");
      return votes;
    }
  }

  private *newer(term: number): Coroutine<void> {
    if (term > this.term) yield* this.follow(term);
  }

  private *begin(term: number): Coroutine<boolean> {
    if (this.role !== "candidate" || this.term !== term) return false;
    this.role = "leader";
    this.deposed = new Deferred<void>();
    this.matched.clear();
    this.observer.leads?.(this);
    // What earlier leaders left is agreed on with the first entry of this term, and not before (5.4.2, figure 8).
    yield* this.add({ term, command: null });
    return true;
  }

  // ---- leading -----------------------------------------------------------------------------------------------------

  private lead(): Operation<void> {
    return group((g) => this.leading(g, this.term));
  }

  private *leading(g: Group, term: number): Coroutine<void> {
    this.bells.clear();
    for (const [name, caller] of this.callers) {
      const bell = new Channel<true>(1);
      this.bells.set(name, bell);
      g.spawn(() => this.replicate(term, name, caller, bell), { name: `replicate to ${name}`, daemon: true });
    }
    yield* this.deposed;
  }

  private leads(term: number): boolean {
    return this.role === "leader" && this.term === term;
  }

  /** Sends one of the others what it lacks, and a sign of life when there is nothing. */
  private *replicate(term: number, name: string, caller: Caller, bell: Channel<true>): Coroutine<void> {
    let next = this.last;
    while (this.leads(term)) {
      const entries = this.entries.slice(next, next + MOST);
      const previousIndex = next - 1;
      const request: AppendRequest = {
        kind: "append",
        term,
        leader: this.name,
        previousIndex,
        previousTerm: this.termAt(previousIndex),
        entries,
        committed: this.committed,
      };
      const reply = yield* caller.ask<AppendReply>(request, this.timing.answer);
      if (reply === undefined) {
        yield* sleep(this.timing.heartbeat / 2);
        continue;
      }
      if (reply.term > term) {
        yield* this.change(() => this.newer(reply.term));
        return;
      }
      if (!this.leads(term)) return;
      if (!reply.ok) {
        next = Math.max(1, Math.min(next - 1, reply.last + 1));
        continue;
      }
      next += entries.length;
      this.matched.set(name, next - 1);
      this.agree();
      if (next > this.last) yield* moveOnAfter(this.timing.heartbeat, bell.receive());
    }
  }

  /** Most have it: it is agreed on. Only entries of this term are counted (5.4.2). */
  private agree(): void {
    const places = [this.last, ...this.matched.values()].toSorted((a, b) => b - a);
    const place = places[Math.floor(this.members.length / 2)];
    if (place !== undefined && this.termAt(place) === this.term) this.commit(place);
  }

  private *propose(command: Command): Coroutine<CommandReply> {
    const reply = yield* this.change(() => this.take(command));
    return reply === undefined ? { done: false } : yield* reply;
  }

  private *take(command: Command): Coroutine<Deferred<CommandReply> | undefined> {
    if (this.role !== "leader") return undefined;
    const { term } = this;
    yield* this.add({ term, command });
    const reply = new Deferred<CommandReply>({ name: `command ${command.number} of ${command.client}` });
    this.waiting.set(this.last, { term, reply });
    return reply;
  }

  private *add(entry: Entry): Coroutine<void> {
    yield* this.journal.append(this.last + 1, [entry]);
    this.entries.push(entry);
    for (const bell of this.bells.values()) bell.trySend(true);
  }

  // ---- agreed ------------------------------------------------------------------------------------------------------

  private commit(place: number): void {
    while (this.committed < place) {
      const index = ++this.committed;
      const entry = this.entries[index] as Entry;
      const value = entry.command === null ? null : this.store.apply(entry.command);
      this.observer.applied?.(this, index, entry);
      const waiting = this.waiting.get(index);
      this.waiting.delete(index);
      waiting?.reply.resolve(waiting.term === entry.term ? { done: true, value } : { done: false });
    }
  }

  private termAt(index: number): number {
    return (this.entries[index] as Entry).term;
  }
}
