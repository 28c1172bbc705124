/**
 * Two streams that are connected in memory: every protocol can be tested without a socket, in virtual time, on every
 * schedule.
 *
 * They behave as TCP does, as far as a user of streams can see it: a window that fills when the peer does not read, half-close,
 * reset. What is sent arrives in a step of the loop like a task's, never inside the call that sent it, so its place in the
 * schedule is drawn like any other.
 */
import { BrokenError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import type { Loop, Runnable } from "../loop/loop.ts";
import { ByteBuffer } from "./buffer.ts";
import { ByteStream } from "./stream.ts";
import type { Address, Sink, Transport } from "./transport.ts";

/** How the two ends are connected. */
export interface MemoryPairOptions {
  /**
   * How many bytes may be on their way in each direction, 1 or more: 64 KiB where nothing is said. What is written beyond
   * that waits until the peer reads, and arrives in pieces no larger.
   */
  readonly window?: number | undefined;
  /** What the two ends are called in errors; `memory 1` and `memory 2`, and so on, where nothing is said. */
  readonly names?: readonly [string, string] | undefined;
}

const WINDOW = 64 * 1024;

let made = 0;

/**
 * Two connected streams. Nothing of it is outside: a program in which both sides wait for the other is a deadlock, and is
 * told so.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { memoryPair } from "rondo/net";
 *
 * await run(() =>
 *   group(function* (g) {
 *     const [client, server] = memoryPair({ window: 4 });
 *     g.spawn(function* () {
 *       yield* client.write("hello, world");
 *       yield* client.close();
 *     });
 *     console.log((yield* server.read())?.length); // prints: 4
 *     console.log((yield* server.readExactly(8))?.length); // prints: 8
 *     console.log(yield* server.read()); // prints: undefined
 *     yield* server.close();
 *   }),
 * );
 * ```
 */
export function memoryPair(options: MemoryPairOptions = {}): [ByteStream, ByteStream] {
  const { window = WINDOW, names = [`memory ${++made}`, `memory ${++made}`] } = options;
  if (!(window >= 1)) throw new RangeError(`memoryPair() takes a window of 1 byte or more, not ${String(window)}`);
  const [one, other] = [new MemoryTransport(names[0], window), new MemoryTransport(names[1], window)];
  one.peer = other;
  other.peer = one;
  // Held back as soon as one window lies unread, so that the window is what it says.
  const marks = { highWaterMark: Math.min(window, WINDOW), lowWaterMark: Math.min(window, WINDOW) - 1, writeAhead: 0 };
  return [new ByteStream(one, marks), new ByteStream(other, marks)];
}

/** What is to be said to the sink in the next step. */
const DRAINED = 1;
const GONE = 2;

class MemoryTransport implements Transport, Runnable {
  readonly label: string;
  readonly name: string;
  /** In the run queue it stands among tasks, whose numbers begin with 1: this is none. */
  readonly id = 0;
  readonly outside = false;
  readonly localAddress: Address;
  private readonly window: number;
  peer!: MemoryTransport;
  private sink: Sink | null = null;
  private loop: Loop | null = null;
  /** What was sent and does not fit into the window. */
  private readonly queue: ByteBuffer = new ByteBuffer();
  /** What has arrived and was not taken yet. */
  private readonly inbox: ByteBuffer = new ByteBuffer();
  private flowing = false;
  private scheduled = false;
  private due = 0;
  /** `send` has answered that it is full. */
  private full = false;
  private ending = false;
  /** The peer will send no more, behind what is in the inbox. */
  private endCame = false;
  private endTold = false;
  private closing = false;
  /** Gives nothing and takes nothing any more. */
  private gone = false;
  private error: Error | null = null;

  constructor(name: string, window: number) {
    this.label = name;
    this.name = name;
    this.window = window;
    this.localAddress = { host: name, port: 0, family: "memory" };
  }

  get remoteAddress(): Address {
    return this.peer.localAddress;
  }

  get unsent(): number {
    return this.queue.length;
  }

  open(sink: Sink): void {
    this.sink = sink;
    this.findLoop();
  }

  resume(): void {
    this.flowing = true;
    if (this.inbox.length > 0 || (this.endCame && !this.endTold)) this.schedule();
  }

  pause(): void {
    this.flowing = false;
  }

  send(chunks: readonly Uint8Array[]): boolean {
    if (this.peer.gone) {
      // As with a socket: it is the answer to what was sent that tells.
      this.die(new BrokenError(`${this.label}: the peer has closed the connection: nobody reads what is written`));
      this.full = true;
      return false;
    }
    // Copies: the reader may change what it gets, and must not change what the writer still has.
    for (const chunk of chunks) this.queue.push(new Uint8Array(chunk));
    this.transfer();
    this.full = this.queue.length > 0;
    return !this.full;
  }

  end(): void {
    this.ending = true;
    this.transfer();
  }

  close(): void {
    if (this.gone || this.closing) return;
    this.closing = true;
    this.flowing = false;
    this.inbox.clear();
    this.end();
  }

  abort(): void {
    if (this.gone) return;
    const { peer } = this;
    this.queue.clear();
    this.die(null);
    if (!peer.gone) peer.die(new BrokenError(`${peer.label}: the peer has reset the connection`));
  }

  /** Moves into the peer's inbox what the window has room for. */
  private transfer(): void {
    const { peer, queue } = this;
    while (queue.length > 0 && peer.inbox.length < this.window) {
      const chunk = queue.takeChunk(this.window - peer.inbox.length);
      if (!peer.closing) peer.inbox.push(chunk);
    }
    if (queue.length === 0) {
      if (this.full) {
        this.full = false;
        this.due |= DRAINED;
        this.schedule();
      }
      if (this.ending && !peer.endCame) {
        peer.endCame = true;
        if (peer.flowing && peer.inbox.length === 0) peer.schedule();
      }
      if (this.closing) this.die(null);
    }
    if (peer.flowing && peer.inbox.length > 0) peer.schedule();
  }

  /** It is over for this end, and its sink is told in the next step. */
  private die(error: Error | null): void {
    if (this.gone) return;
    this.gone = true;
    this.error = error;
    this.due |= GONE;
    this.schedule();
    const { peer } = this;
    // The peer writes into the void from here on: what does not fit into the window never will.
    if (!peer.gone && peer.queue.length > 0)
      peer.die(
        new BrokenError(`${peer.label}: the peer has closed the connection before it read all that was written`),
      );
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    const loop = this.findLoop();
    if (loop === null) queueMicrotask(() => this.step());
    else loop.ready(this);
  }

  /** The loop of whoever used this end last. */
  private findLoop(): Loop | null {
    const current = (kernel.current?.loop ?? null) as Loop | null;
    if (this.loop === null || current === null) return (this.loop ??= current);
    return this.loop;
  }

  /** A step of the loop: what is caused in it is caused by no task. */
  step(): void {
    const { stepper } = kernel;
    kernel.stepper = null;
    try {
      this.speak();
    } finally {
      kernel.stepper = stepper;
    }
  }

  /** Says what there is to say. */
  private speak(): void {
    this.scheduled = false;
    const { inbox, due } = this;
    const sink = this.sink as Sink;
    this.due = 0;
    // What was on its way before the connection broke comes before that, whether it is wanted or not.
    if ((due & GONE) !== 0) this.flowing = true;
    let left = inbox.length;
    while (left > 0 && this.flowing && inbox.length > 0) {
      const chunk = inbox.takeChunk(left);
      left -= chunk.length;
      sink.received(chunk);
    }
    if ((due & GONE) !== 0) {
      if (this.endCame && !this.endTold) sink.ended();
      sink.closed(this.error);
      return;
    }
    this.peer.transfer();
    if (this.endCame && !this.endTold && this.flowing && inbox.length === 0) {
      this.endTold = true;
      sink.ended();
    }
    if ((due & DRAINED) !== 0) sink.drained();
    if (this.flowing && (inbox.length > 0 || (this.endCame && !this.endTold))) this.schedule();
  }
}
