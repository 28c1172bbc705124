/**
 * `rondo`: coroutines and an event loop. Everything that needs no operating system; it runs in a browser.
 */
import { defaultHost } from "#host";
import { setDefaultHost } from "./loop/host.ts";

setDefaultHost(defaultHost);

export {
  BrokenError,
  BusyError,
  CancelledError,
  ClosedError,
  DeadlockError,
  GraceError,
  suppressed,
  TimeoutError,
} from "./coroutine/errors.ts";
export { setTap, type Tap } from "./coroutine/tap.ts";
export type { Body } from "./coroutine/body.ts";
export type { StackFrame } from "./coroutine/stack.ts";
export { type Coroutine, type Operation, Wait } from "./coroutine/wait.ts";
export { WaitQueue } from "./coroutine/wait-queue.ts";
export type { Host, Report } from "./loop/host.ts";
export { buggify } from "./loop/buggify.ts";
export { Loop, type Turn } from "./loop/loop.ts";
export { checkpoint, now, sleep, sleepUntil } from "./loop/sleep.ts";
export { defer, use } from "./task/defer.ts";
export { group, type Group, type GroupOptions, type SpawnOptions } from "./task/group.ts";
export { cancelReason, currentGroup, effectiveDeadline, isStopping, stopping } from "./task/here.ts";
export { TaskLocal } from "./task/local.ts";
export { launch, run, type RunOptions } from "./task/run.ts";
export {
  cleanup,
  deadline,
  moveOnAfter,
  type MoveOnOutcome,
  scope,
  type Scope,
  type ScopeOptions,
  type ScopeOutcome,
  shield,
  timeout,
} from "./task/scope.ts";
export { type Abort, suspend } from "./task/suspend.ts";
export type { Task, TaskState } from "./task/task.ts";
export { VirtualHost, type VirtualHostOptions } from "./host/virtual.ts";
export { Channel, type ChannelStatistics, type Receiver, type Sender } from "./sync/channel.ts";
export { type Hold, Lock, type LockStatistics } from "./sync/lock.ts";
export { type Arm, select, type Selected } from "./sync/select.ts";
export { Semaphore, type SemaphoreStatistics } from "./sync/semaphore.ts";
export { Barrier, type BarrierStatistics } from "./sync/barrier.ts";
export {
  Broadcast,
  type BroadcastSender,
  type BroadcastStatistics,
  type Overflow,
  type Subscription,
  type SubscriptionStatistics,
} from "./sync/broadcast.ts";
export { Condition, type ConditionStatistics } from "./sync/condition.ts";
export { Deferred, type DeferredStatistics } from "./sync/deferred.ts";
export { Gate, type GateStatistics } from "./sync/gate.ts";
export { Latch, type LatchStatistics } from "./sync/latch.ts";
export { Limiter, type LimiterStatistics } from "./sync/limiter.ts";
export { Queue, type QueueOptions, type QueueStatistics } from "./sync/queue.ts";
export { RateLimiter, type RateLimiterStatistics } from "./sync/rate-limiter.ts";
export { RWLock, type RWLockStatistics } from "./sync/rw-lock.ts";
export { all } from "./combine/all.ts";
export { allSettled, type SettledOf } from "./combine/all-settled.ts";
export { any } from "./combine/any.ts";
export { fromAsyncIterable, toAsyncIterable, type ToAsyncIterableOptions } from "./combine/async-iterable.ts";
export type { Bodies, ResultOf, ResultsOf } from "./combine/bodies.ts";
export { inContext } from "./combine/context.ts";
export { type EmitterLike, events, type EventsOptions, type EventTargetLike } from "./combine/events.ts";
export { Flow } from "./combine/flow.ts";
export type { Receiving, Source } from "./combine/flow-source.ts";
export type { MapConcurrentOptions } from "./combine/flow-tasks.ts";
export { interval } from "./combine/interval.ts";
export { map, type MapOptions } from "./combine/map.ts";
export type { Emit } from "./combine/producer.ts";
export { race } from "./combine/race.ts";
export { toPromise, type ToPromiseOptions } from "./combine/to-promise.ts";
export { until, type UntilOptions } from "./combine/until.ts";
export { formatSnapshot } from "./trace/format.ts";
export {
  type CancellationSnapshot,
  type LoopSnapshot,
  type RegionSnapshot,
  snapshot,
  type Snapshot,
  type SnapshotOptions,
  type TaskName,
  type TaskSnapshot,
} from "./trace/snapshot.ts";
