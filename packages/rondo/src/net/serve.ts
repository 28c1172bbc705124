/**
 * Serving: a task for each connection, in a group.
 *
 * What one handler does ends its own connection and no other; how a connection ends says how its handler did. Ended by
 * itself: what was written is sent, then the stream is closed. Failed or cancelled: the peer is reset, so that it cannot
 * take half an answer for a whole one.
 */
import { BrokenError, ClosedError } from "../coroutine/errors.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { currentLoop } from "../loop/sleep.ts";
import { select } from "../sync/select.ts";
import { Semaphore } from "../sync/semaphore.ts";
import { group, type Group, type SpawnOptions } from "../task/group.ts";
import { stopping } from "../task/here.ts";
import type { Task } from "../task/task.ts";
import type { Listener } from "./listen.ts";
import type { ByteStream } from "./stream.ts";

/** What serves one connection. */
export type Handler = (stream: ByteStream) => Operation<unknown>;

/** How to serve. */
export interface ServeOptions {
  /**
   * How many connections are served at once, at most; further ones wait in the listener's queue (`backlog` of them). Each
   * has a descriptor: keep the sum of the two below `ulimit -n`. Default: no limit.
   */
  readonly maxConnections?: number | undefined;
  /**
   * Told of what a handler threw. What it throws itself ends the server. Without it a `BrokenError` (the peer has gone,
   * which peers do) is dropped, and everything else is reported by the host.
   */
  readonly onError?: ((error: unknown, stream: ByteStream) => void) | undefined;
}

/**
 * Serves every connection of a listener by a task of its own, until it is asked to stop (`g.stop()` of a group around), the
 * listener is closed, or it is cancelled. A switch point.
 *
 * Asked to stop it accepts no more and waits for the handlers that are at work, which can ask `isStopping()` or wait for
 * `stopping()`; `g.stop({ within })` cancels what is left after that time. The listener is closed in the end, whatever
 * the reason. A stream is closed when its handler has ended, and reset when it has failed or was cancelled.
 *
 * The idea is trio's `serve_listeners`.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { connect, listen, serve } from "rondo/net";
 *
 * await run(() =>
 *   group(function* (g) {
 *     const listener = yield* listen({ host: "127.0.0.1", port: 0 });
 *     g.spawn(
 *       serve(listener, function* (stream) {
 *         for (let data = yield* stream.read(); data !== undefined; data = yield* stream.read()) yield* stream.write(data);
 *       }),
 *     );
 *     const stream = yield* connect({ host: "127.0.0.1", port: listener.address.port });
 *     yield* stream.write("echo\n");
 *     console.log(yield* stream.lines().next()); // prints: echo
 *     yield* stream.close();
 *     g.stop({ within: 1000 });
 *   }),
 * );
 * ```
 */
export function serve(listener: Listener, handler: Handler, options: ServeOptions = {}): Operation<void> {
  const { maxConnections } = options;
  if (typeof handler !== "function") throw new TypeError("serve() takes a function* (stream) {…} for each connection");
  if (
    maxConnections !== undefined &&
    maxConnections !== Infinity &&
    (!Number.isInteger(maxConnections) || maxConnections < 1)
  )
    throw new RangeError(`maxConnections is a number of connections, 1 or more, not ${String(maxConnections)}`);
  return group((g) => new Server(g, listener, handler, options).serve(), { name: `serve ${listener.label}` });
}

/**
 * The handler's own coroutine is the task: no frame of the server's lies under it, which every resumption would have to go
 * through and every idle connection would have to keep. What there is to do afterwards is done when the task has ended.
 */
class Server {
  private readonly group: Group;
  private readonly listener: Listener;
  private readonly handler: Handler;
  private readonly onError: ServeOptions["onError"];
  private readonly permits: Semaphore | null;
  private readonly streams: Map<Task, ByteStream>;
  /** One object for all tasks, and one function. */
  private readonly spawning: SpawnOptions;
  private readonly onEnd: (task: Task) => boolean;

  constructor(g: Group, listener: Listener, handler: Handler, options: ServeOptions) {
    const { maxConnections = Infinity, onError } = options;
    this.group = g;
    this.listener = listener;
    this.handler = handler;
    this.onError = onError;
    this.permits = maxConnections === Infinity ? null : new Semaphore(maxConnections);
    this.streams = new Map();
    this.spawning = { name: handler.name === "" ? "connection" : handler.name };
    this.onEnd = (task) => this.ended(task);
  }

  *serve(): Coroutine<void> {
    const { listener, permits } = this;
    try {
      for (;;) {
        if (permits !== null) {
          const free = yield* select({ stop: stopping(), permit: permits.acquire() });
          if (free.key === "stop") return;
        }
        const next = yield* select({ stop: stopping(), stream: listener.accept() });
        if (next.key === "stop") return;
        this.begin(next.value);
      }
    } catch (error) {
      // Somebody has closed the listener: that is another way to say stop.
      if (!(error instanceof ClosedError)) throw error;
    } finally {
      listener.close();
    }
  }

  private begin(stream: ByteStream): void {
    // Called in the task's first step: what a handler throws before its first line is its own failure too.
    const task = this.group.spawn(() => this.handler(stream), this.spawning);
    this.streams.set(task, stream);
    task.onEnd = this.onEnd;
  }

  /** A handler has ended. Answers that its failure is not the group's. */
  private ended(task: Task): boolean {
    const stream = this.streams.get(task) as ByteStream;
    this.streams.delete(task);
    if (task.state === "done") {
      this.group.spawn(this.closing(stream), CLOSING);
      return false;
    }
    // Of a stream that is closed this does nothing.
    stream.abort();
    this.permits?.release();
    if (task.failed) this.failed(task.value, stream);
    return true;
  }

  private *closing(stream: ByteStream): Coroutine<void> {
    try {
      yield* stream.close();
    } finally {
      this.permits?.release();
    }
  }

  private failed(error: unknown, stream: ByteStream): void {
    if (this.onError === undefined) {
      if (error instanceof BrokenError) return;
      const message = `the handler of ${stream.label} has failed, and its connection was reset`;
      currentLoop("serve()").report({ kind: "connection", message, error });
      return;
    }
    try {
      this.onError(error, stream);
    } catch (fatal) {
      // No task of the group is at work here; one is made that fails.
      this.group.spawn(() => {
        throw fatal;
      }, this.spawning);
    }
  }
}

const CLOSING: SpawnOptions = { name: "close" };
