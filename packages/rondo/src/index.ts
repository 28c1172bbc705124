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
export type { Body } from "./coroutine/fiber.ts";
export type { StackFrame } from "./coroutine/stack.ts";
export { type Coroutine, type Operation, Wait } from "./coroutine/wait.ts";
export { WaitQueue } from "./coroutine/wait-queue.ts";
export type { Host, Report } from "./loop/host.ts";
export { Loop, type Turn } from "./loop/loop.ts";
export { checkpoint, now, sleep, sleepUntil } from "./loop/sleep.ts";
export { defer, use } from "./task/defer.ts";
export { group, type Group, type GroupOptions, type SpawnOptions } from "./task/group.ts";
export { cancelReason, effectiveDeadline, isStopping, stopping } from "./task/here.ts";
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
