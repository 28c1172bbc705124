/**
 * Connecting: the first of a host's addresses that answers, without waiting for those that do not.
 *
 * A host has addresses of two families, and one of them may lead nowhere without saying so. So they are tried in turns,
 * a new one every 250 ms or as soon as one has failed, and the first that answers wins (Happy Eyeballs, RFC 8305, as in
 * trio's `open_tcp_stream`). What matters is what becomes of the others: each attempt is a task of one group, so no way
 * out of here, a win, a failure, a timeout or a cancel, leaves one behind. One that succeeds too late is closed.
 */
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { checkMs, currentLoop, sleep } from "../loop/sleep.ts";
import { select } from "../sync/select.ts";
import { group, type Group } from "../task/group.ts";
import { timeout } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { checkPort, familyOf, shownEndpoint } from "./address.ts";
import { AddressRefusedError, type ConnectAttempt, ConnectError, fromSystemError } from "./errors.ts";
import { type Endpoint, type Network, networkOf, type ResolvedAddress } from "./network.ts";
import { ByteStream } from "./stream.ts";
import type { Sink, Transport } from "./transport.ts";

/** Where to connect to, and how. */
export interface ConnectOptions {
  /** A name or an IP address. */
  readonly host: string;
  readonly port: number;
  /** How long everything may take together (names, all attempts), in ms; without one, as long as the system tries. */
  readonly timeout?: number | undefined;
  /** An IP address of this machine to connect from. Only addresses of its family are tried. */
  readonly localAddress?: string | undefined;
  /** Only addresses of this family. */
  readonly family?: 4 | 6 | undefined;
  /** How long an attempt stays alone before the next one begins, in ms. Default 250. */
  readonly attemptDelay?: number | undefined;
  /**
   * Asked about each address before it is connected to; what it gives is why not (`"a loopback address"`), and the attempt
   * has failed with an {@link AddressRefusedError}. Names have been looked up by then, and what is asked about is what is
   * connected to: a name that stands for something else a moment later gets nobody past this.
   */
  readonly refuse?: ((address: string) => string | undefined) | undefined;
}

/** RFC 8305, section 5. */
const ATTEMPT_DELAY = 250;

/**
 * Connects to a TCP port and gives the stream. Of a name all addresses are tried, the families in turns, each 250 ms after
 * the one before or as soon as that has failed; the first that answers is taken and the others are closed. A switch point.
 *
 * Throws a {@link ConnectError} that carries every attempt, and a `TimeoutError` where `timeout` was over. Cancelled, it
 * leaves nothing open. Nagle's algorithm is off (`TCP_NODELAY`).
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
 *         yield* stream.write(["hello ", (yield* stream.readUntil("\n")) ?? ""]);
 *       }),
 *       { daemon: true },
 *     );
 *     const stream = yield* connect({ host: "127.0.0.1", port: listener.address.port });
 *     yield* stream.write("world\n");
 *     console.log(yield* stream.lines().next()); // prints: hello world
 *     yield* stream.close();
 *   }),
 * );
 * ```
 */
export function connect(options: ConnectOptions): Operation<ByteStream> {
  const { host, port, timeout: ms, attemptDelay, family } = options;
  if (typeof host !== "string" || host === "") throw new TypeError("connect() takes a host: a name or an IP address");
  checkPort(port, "connect()");
  // An address that was spread into the options has "IPv4" there, and nothing would be of that family.
  if (family !== undefined && family !== 4 && family !== 6)
    throw new RangeError(`connect() takes a family of 4 or 6, not ${JSON.stringify(family)}`);
  if (attemptDelay !== undefined) checkMs(attemptDelay, "the attemptDelay of connect()");
  if (ms === undefined) return connecting(options);
  return timeout(ms, () => connecting(options), { name: `connect to ${shownEndpoint(options)}` });
}

/**
 * Connects to the Unix socket at a path (on Linux also to an abstract one: a path that begins with a zero byte). A switch
 * point. Throws a {@link ConnectError}.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { ConnectError, connectUnix } from "rondo/net";
 *
 * try {
 *   await run(() => connectUnix("/no/such/socket"));
 * } catch (error) {
 *   console.log(error instanceof ConnectError, (error as Error).message);
 *   // prints: true connect to /no/such/socket: there is no such file (ENOENT)
 * }
 * ```
 */
export function* connectUnix(path: string): Coroutine<ByteStream> {
  if (typeof path !== "string" || path === "") throw new TypeError("connectUnix() takes the path of a socket");
  const network = networkOf(currentLoop("connectUnix()").host);
  return new ByteStream(yield* only(network, { path }, NO_RULES, shownEndpoint({ path })));
}

function* connecting(options: ConnectOptions): Coroutine<ByteStream> {
  const { port, attemptDelay = ATTEMPT_DELAY } = options;
  const network = networkOf(currentLoop("connect()").host);
  const addresses = yield* addressesOf(network, options);
  const title = shownEndpoint(options);
  let transport: Transport;
  if (addresses.length === 1) {
    const { address } = addresses[0] as ResolvedAddress;
    transport = yield* only(network, { host: address, port }, options, title);
  } else {
    const attempts = new Attempts(network, interleaved(addresses), port, options, title);
    transport = yield* attempts.first(attemptDelay);
  }
  return new ByteStream(transport);
}

/** The addresses to try, at least one. */
function* addressesOf(network: Network, options: ConnectOptions): Coroutine<readonly ResolvedAddress[]> {
  const { host, family, localAddress } = options;
  const title = shownEndpoint(options);
  const wanted = family ?? (localAddress === undefined ? undefined : familyOf(localAddress));
  const literal = familyOf(host);
  let found: readonly ResolvedAddress[];
  if (literal !== undefined) found = [{ address: host, family: literal }];
  else {
    try {
      found = yield* lookedUp(network, host);
    } catch (error) {
      const cause = fromSystemError(error, `connect to ${title}`);
      throw new ConnectError(cause.message, [], { cause });
    }
  }
  const fitting = wanted === undefined ? found : found.filter((one) => one.family === wanted);
  if (fitting.length > 0) return fitting;
  const lacking = wanted === undefined ? "no address" : `no IPv${wanted} address`;
  throw new ConnectError(`connect to ${title}: ${host} has ${lacking}`, []);
}

/** What a name stands for, as the network's `lookup` tells it. */
export function lookedUp(network: Network, name: string): Operation<readonly ResolvedAddress[]> {
  return suspend<readonly ResolvedAddress[]>(
    (wake, fail) =>
      withdrawing(network.lookup(name, (error, addresses) => (error === null ? wake(addresses) : fail(error)))),
    `resolve ${name}`,
  );
}

/** What holds for each attempt. */
type Rules = Pick<ConnectOptions, "localAddress" | "refuse">;

const NO_RULES: Rules = {};

/** One attempt, where there is no choice. */
function* only(network: Network, to: Endpoint, rules: Rules, title: string): Coroutine<Transport> {
  try {
    return yield* attempted(network, to, rules);
  } catch (error) {
    const cause = fromSystemError(error, `connect to ${title}`);
    const message = cause instanceof AddressRefusedError ? `connect to ${title}: ${cause.message}` : cause.message;
    throw new ConnectError(message, [attemptOf(to, cause)], { cause });
  }
}

/** Every attempt comes through here, so here is where an address is let through. */
function attempted(network: Network, to: Endpoint, { localAddress, refuse }: Rules): Operation<Transport> {
  const reason = refuse === undefined || "path" in to ? undefined : refuse(to.host);
  if (reason !== undefined) {
    const { host } = to as { readonly host: string };
    throw new AddressRefusedError(`${host} is refused: ${reason}`, host, reason);
  }
  return suspend<Transport>(
    (wake, fail) =>
      withdrawing(
        network.connect(to, { localAddress }, (error, transport) =>
          error === null ? wake(transport as Transport) : fail(error),
        ),
      ),
    `connect to ${shownEndpoint(to)}`,
  );
}

function attemptOf(to: Endpoint, error: Error): ConnectAttempt {
  return "path" in to ? { address: to.path, port: 0, error } : { address: to.host, port: to.port, error };
}

/** What withdraws from the network always succeeds: what comes late is closed there. */
export function withdrawing(abandon: () => void): () => boolean {
  return () => {
    abandon();
    return true;
  };
}

/** Several attempts, of which one wins. */
class Attempts {
  private readonly network: Network;
  private readonly targets: readonly ResolvedAddress[];
  private readonly port: number;
  private readonly rules: Rules;
  private readonly title: string;
  private readonly failures: (ConnectAttempt | undefined)[];
  private failed: number;
  private winner: Transport | null;
  /** The one who begins attempts: told when one has ended. */
  private readonly news: WaitQueue;

  constructor(network: Network, targets: readonly ResolvedAddress[], port: number, rules: Rules, title: string) {
    this.network = network;
    this.targets = targets;
    this.port = port;
    this.rules = rules;
    this.title = title;
    this.failures = [];
    this.failed = 0;
    this.winner = null;
    this.news = new WaitQueue();
  }

  *first(delay: number): Coroutine<Transport> {
    let handedOn = false;
    try {
      yield* group((g) => this.begin(g, delay), { name: `connect to ${this.title}` });
      if (this.winner === null) throw this.allFailed();
      handedOn = true;
      return this.winner;
    } finally {
      // Cancelled from outside after one had won, while the losers were leaving.
      if (!handedOn && this.winner !== null) discard(this.winner);
    }
  }

  /** Begins one after the other; ends when there is a winner, or no more hope. */
  private *begin(g: Group, delay: number): Coroutine<void> {
    const { targets, news } = this;
    let begun = 0;
    while (this.winner === null && this.failed < targets.length) {
      if (begun < targets.length) g.spawn(this.attempt(begun++));
      const more = begun < targets.length;
      if (more) yield* select({ news: news.park("an attempt"), next: sleep(delay) });
      else yield* news.park("an attempt");
    }
    g.cancel("another address was faster");
  }

  private *attempt(i: number): Coroutine<void> {
    const to = { host: (this.targets[i] as ResolvedAddress).address, port: this.port };
    try {
      const transport = yield* attempted(this.network, to, this.rules);
      // Two may succeed in the same moment, and there is no wait between here and the one that was second.
      if (this.winner === null) this.winner = transport;
      else discard(transport);
    } catch (error) {
      this.failures[i] = attemptOf(to, fromSystemError(error, shownEndpoint(to)));
      this.failed++;
    }
    this.news.unpark();
  }

  private allFailed(): ConnectError {
    const attempts = this.failures.filter((one) => one !== undefined);
    const reasons = attempts.map(({ error }) => error.message);
    const cause = attempts[0]?.error;
    return new ConnectError(
      `connect to ${this.title}: none of ${attempts.length} addresses could be reached: ${reasons.join("; ")}`,
      attempts,
      cause === undefined ? undefined : { cause },
    );
  }
}

/** The families in turns, beginning with the one that the system put first; within a family its order stays (RFC 8305, 4). */
export function interleaved(addresses: readonly ResolvedAddress[]): ResolvedAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const mixed: ResolvedAddress[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    if (i < first.length) mixed.push(first[i] as ResolvedAddress);
    if (i < second.length) mixed.push(second[i] as ResolvedAddress);
  }
  return mixed;
}

/** Closes a transport that nobody will use. */
export function discard(transport: Transport): void {
  transport.open(NOBODY);
  transport.abort();
}

const NOBODY: Sink = {
  received() {
    // nobody reads
  },
  ended() {
    // nobody waits for the end
  },
  drained() {
    // nobody writes
  },
  closed() {
    // that is what was wanted
  },
};
