/**
 * The tasks of a pool: they make connections, check them and destroy them, so that nobody who wants one has to. What comes of
 * it they tell the pool, which decides everything.
 *
 * One task, the keeper, begins the others: it belongs as a daemon to the group in which the pool was opened, so none of them
 * outlives that, and they all run with the keeper's `TaskLocal`s and not with those of whoever happened to ask.
 */
import { TimeoutError } from "../coroutine/errors.ts";
import type { Body } from "../coroutine/body.ts";
import { kernel } from "../coroutine/kernel.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { isOperation } from "../combine/bodies.ts";
import { disposing } from "../task/defer.ts";
import { type Group, group, groupAround } from "../task/group.ts";
import { cleanup, moveOnAfter } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { CHECKING, CONNECTING, type Member } from "./pool-lease.ts";
import type { Settings } from "./pool-settings.ts";

/** Who is told what came of it. */
export interface Employer<C> {
  /** Whether it is still wanted. */
  wants(member: Member<C>): boolean;
  connected(member: Member<C>, connection: C): void;
  failed(member: Member<C>, error: unknown): void;
  /** It is not made after all. */
  abandoned(member: Member<C>): void;
  examined(member: Member<C>, good: boolean): void;
  /** With the error of that, or undefined. */
  destroyed(member: Member<C>, error: unknown): void;
  /** The crew has gone: nothing is made or checked any more. What is destroyed, `dismissAll` does. */
  alone(): void;
}

interface Job {
  readonly member: Member<unknown>;
  readonly what: string;
  readonly body: () => Operation<void>;
}

export class Crew<C> {
  private readonly settings: Settings<C>;
  private readonly employer: Employer<C>;
  private keeper: Task<void> | null;
  private readonly jobs: Job[];
  private readonly news: WaitQueue;

  /** In the task around which the group is. */
  constructor(settings: Settings<C>, employer: Employer<C>) {
    this.settings = settings;
    this.employer = employer;
    this.jobs = [];
    this.news = new WaitQueue();
    const name = `pool ${settings.name}`;
    this.keeper = groupAround(kernel.current as Task).spawn(() => this.keep(name), { name, daemon: true });
  }

  /** Whether it is there. */
  get works(): boolean {
    return this.keeper !== null;
  }

  connect(member: Member<C>): void {
    this.enqueue(member, "connect", () => this.connecting(member));
  }

  check(member: Member<C>, check: Operation<boolean>): void {
    this.enqueue(member, "check", () => this.checking(member, check));
  }

  /** Has it destroyed; where the crew has gone, that is for `dismissAll`. */
  dismiss(member: Member<C>): void {
    if (this.works) this.enqueue(member, "destroy", () => this.dismissing(member));
  }

  /** Sends the crew home, and destroys those whom it has not destroyed. */
  *dismissAll(members: Iterable<Member<C>>): Coroutine<void> {
    const { keeper } = this;
    if (keeper !== null) {
      keeper.cancel("the pool was closed");
      yield* keeper.ended();
    }
    const left = [...members];
    const spawnAll = (g: Group): void => {
      for (const member of left) g.spawn(() => this.dismissing(member), { name: `destroy ${member.id}` });
    };
    yield* group(
      function* (g) {
        spawnAll(g);
      },
      { name: `close ${this.settings.name}` },
    );
  }

  private enqueue(member: Member<C>, what: string, body: () => Operation<void>): void {
    this.jobs.push({ member: member as Member<unknown>, what, body });
    this.news.unpark(1);
  }

  private *keep(name: string): Coroutine<void> {
    const { jobs, news } = this;
    try {
      yield* group(
        function* (g) {
          for (;;) {
            for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
              job.member.task = g.spawn(job.body, { name: `${job.what} ${job.member.id}` });
            }
            yield* news.park("work");
          }
        },
        { name },
      );
    } finally {
      this.keeper = null;
      const left = jobs.splice(0);
      for (const job of left) {
        const member = job.member as Member<C>;
        if (member.state === CONNECTING) this.employer.abandoned(member);
        // Nobody has asked it anything yet.
        else if (member.state === CHECKING) this.employer.examined(member, true);
      }
      this.employer.alone();
    }
  }

  private *connecting(member: Member<C>): Coroutine<void> {
    const { employer, settings } = this;
    try {
      if (!employer.wants(member)) return;
      employer.connected(member, yield* settings.create());
    } catch (error) {
      employer.failed(member, error);
    } finally {
      // Cancelled, or not wanted any more.
      if (member.state === CONNECTING) employer.abandoned(member);
    }
  }

  private *checking(member: Member<C>, check: Operation<boolean>): Coroutine<void> {
    let good = false;
    try {
      good = (yield* check) === true;
    } catch {
      // As documented: what it throws is a no.
    } finally {
      this.employer.examined(member, good);
    }
  }

  /** A cancellation that came first must not keep it from being destroyed. */
  private *dismissing(member: Member<C>): Coroutine<void> {
    try {
      // Nothing that could be cancelled.
    } finally {
      yield* cleanup(this.destroying(member));
    }
  }

  private *destroying(member: Member<C>): Coroutine<void> {
    if (member.destroying) return;
    member.destroying = true;
    const { destroy, destroyTimeout, name } = this.settings;
    const connection = member.connection as C;
    const body: Body = function* () {
      const operation = destroy === undefined ? disposing(connection) : destroy(connection);
      if (isOperation(operation)) yield* operation;
      else if (typeof (operation as { then?: unknown } | undefined)?.then === "function") {
        throw new TypeError(
          `the destroy of the pool "${name}" gave ${String(operation)}, no operation: give until(promise)`,
        );
      }
    };
    let error: unknown;
    try {
      const { timedOut } = yield* moveOnAfter(destroyTimeout, body);
      if (timedOut) error = new TimeoutError(`destroying a connection of the pool "${name}"`, destroyTimeout);
    } catch (thrown) {
      error = thrown;
    } finally {
      this.employer.destroyed(member, error);
    }
  }
}
