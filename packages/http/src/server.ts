/**
 * Serving HTTP: at a port, at a path, or on one stream.
 *
 * A server is a task of the group in which it was begun, with a group of its own in which each connection is a task: so it
 * cannot outlive what it belongs to, and stops as everything else does. Asked to stop it accepts no more, lets go at once
 * who is between two requests, gives the others their answers with `Connection: close`, and cancels what is left when its
 * time is over. That is what a rolling deploy needs: no request is lost that was begun.
 */
import { CancelledError, type Coroutine, currentGroup, group, type Group, type Operation, type Task } from "rondo";
import {
  type Address,
  type ByteStream,
  listen,
  type Listener,
  listenTls,
  listenUnix,
  serve as serveConnections,
  type ServerSettings,
  serveTls,
  TlsListener,
} from "rondo/net";
import { ServerConnection } from "./connection.ts";
import type { ServerMetrics } from "./metrics.ts";
import { type ConnectionOptions, type RequestHandler, ServerCore } from "./server-core.ts";

/** Where to serve, what, and how. */
export interface ServeOptions extends ConnectionOptions {
  readonly handler: RequestHandler;
  /** The port; 0 for any that is free. This or `unix`. */
  readonly port?: number | undefined;
  /** An address of this machine. Without it: all addresses, IPv6 and IPv4. */
  readonly host?: string | undefined;
  /** The path of a Unix socket. */
  readonly unix?: string | undefined;
  /** Certificate, key, and so on: then it is HTTPS. */
  readonly tls?: ServerSettings | undefined;
  /** How many connections may wait to be accepted. Default 511. */
  readonly backlog?: number | undefined;
  /** Several processes may serve at the port; the system shares the connections out. */
  readonly reusePort?: boolean | undefined;
}

/**
 * A server that runs.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { type HttpServer, serve, text } from "@rondo/http";
 *
 * await run(() =>
 *   group(function* () {
 *     const server: HttpServer = yield* serve({ port: 0, host: "127.0.0.1", handler: () => text("hello") });
 *     console.log(server.url.startsWith("http://127.0.0.1:")); // prints: true
 *     server.stop();
 *     yield* server.ended();
 *   }),
 * );
 * ```
 */
export class HttpServer {
  private readonly core: ServerCore;
  private readonly listener: Listener | TlsListener;
  private task: Task<void> | null;
  private group: Group | null;
  /** It was asked to stop before its task had begun. */
  private toStop: { readonly within?: number } | null;
  private stopped: boolean;

  /** @internal */
  constructor(core: ServerCore, listener: Listener | TlsListener) {
    this.core = core;
    this.listener = listener;
    this.task = null;
    this.group = null;
    this.toStop = null;
    this.stopped = false;
  }

  /** Where it listens, with the port that the system has chosen where 0 was asked for. */
  get address(): Address {
    return this.listener.address;
  }

  /** Where a client of this machine finds it: `http://127.0.0.1:8080`. Empty for a Unix socket, which has no URL. */
  get url(): string {
    const { host, port, family } = this.address;
    if (family === "unix") return "";
    const any = host === "" || host === "::" || host === "0.0.0.0";
    const name = any ? "localhost" : family === "IPv6" ? `[${host}]` : host;
    return `${this.listener instanceof TlsListener ? "https" : "http"}://${name}:${port}`;
  }

  /**
   * Asks it to stop: no new connections, idle ones are closed at once, requests that have begun are answered with
   * `Connection: close`; what is left after `within` ms is cancelled and its connection reset. Marks and returns: wait with
   * {@link HttpServer.ended}. `g.stop()` of a group around does the same.
   */
  stop(options: { readonly within?: number } = {}): void {
    this.stopped = true;
    if (this.group === null) this.toStop = options;
    else this.group.stop(options);
  }

  /** Waits until it has stopped, all its connections with it. A switch point. */
  ended(): Operation<void> {
    return (this.task as Task<void>).ended();
  }

  /** What it has counted. */
  metrics(): ServerMetrics {
    return this.core.metrics();
  }

  /** @internal */
  _begin(): void {
    this.task = currentGroup().spawn(() => this.run(), { name: `http ${this.listener.label}` });
  }

  private *run(): Coroutine<void> {
    try {
      yield* group((g) => this.serve(g), { name: `http ${this.listener.label}` });
    } catch (error) {
      // Its own time was over, and what was left has been cancelled, as it was asked for.
      if (!(error instanceof CancelledError && this.stopped)) throw error;
    }
  }

  private *serve(g: Group): Coroutine<void> {
    const { core, listener } = this;
    this.group = g;
    core.begin(g);
    if (this.toStop !== null) g.stop(this.toStop);
    const connection = (stream: ByteStream): Operation<void> => new ServerConnection(core, stream).serve();
    const options = {
      maxConnections: core.limits.connections,
      onError: (error: unknown, stream: ByteStream) => core.lost(error, stream),
    };
    if (listener instanceof TlsListener) yield* serveTls(listener, connection, options);
    else yield* serveConnections(listener, connection, options);
  }
}

/**
 * Begins to serve, in the group around, and gives the server once it listens. It ends with its group, or when it is asked to
 * stop. A switch point. Throws a `SystemError` as `listen` does, a `TypeError` for settings that cannot be.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { serve, text } from "@rondo/http";
 * import { connect } from "rondo/net";
 *
 * await run(() =>
 *   group(function* () {
 *     const server = yield* serve({ host: "127.0.0.1", port: 0, handler: (request) => text(`you asked for ${request.path}\n`) });
 *     const client = yield* connect({ host: "127.0.0.1", port: server.address.port });
 *     yield* client.write("GET /news HTTP/1.1\r\nHost: localhost\r\n\r\n");
 *     const lines = client.lines();
 *     console.log(yield* lines.next()); // prints: HTTP/1.1 200 OK
 *     server.stop({ within: 1000 });
 *     console.log((yield* lines.toArray()).at(-1)); // prints: you asked for /news
 *     yield* client.close();
 *   }),
 * );
 * ```
 */
export function* serve(options: ServeOptions): Coroutine<HttpServer> {
  const core = new ServerCore(options.handler, options);
  const server = new HttpServer(core, yield* open(options));
  server._begin();
  return server;
}

function* open(options: ServeOptions): Coroutine<Listener | TlsListener> {
  const { port, host, unix, tls, backlog, reusePort } = options;
  if ((port === undefined) === (unix === undefined))
    throw new TypeError("a server needs to know where to listen: give either a `port` or the path of a `unix` socket");
  if (unix !== undefined) {
    if (tls !== undefined) throw new TypeError("TLS is served at a port, and not at a Unix socket");
    return yield* listenUnix(unix, { backlog, replaceStale: true });
  }
  const at = { port: port as number, host, backlog, reusePort };
  if (tls === undefined) return yield* listen(at);
  return yield* listenTls({ alpn: ["http/1.1"], ...tls, ...at });
}

/**
 * Serves the requests that come on one stream, and closes it. For streams of any kind: of a pipe, in memory, of a tunnel. A
 * switch point.
 *
 * Stops as a server does: when its group is asked to stop, after the answer that is under way.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { serveStream, text } from "@rondo/http";
 * import { memoryPair } from "rondo/net";
 *
 * await run(() =>
 *   group(function* (g) {
 *     const [client, server] = memoryPair();
 *     g.spawn(serveStream(server, () => text("hello")));
 *     yield* client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
 *     console.log((yield* client.lines().toArray()).at(-1)); // prints: hello
 *     yield* client.close();
 *   }),
 * );
 * ```
 */
export function serveStream(
  stream: ByteStream,
  handler: RequestHandler,
  options: ConnectionOptions = {},
): Operation<void> {
  const core = new ServerCore(handler, options);
  return group((g) => serveOne(g, core, stream), { name: `http ${stream.label}` });
}

function* serveOne(g: Group, core: ServerCore, stream: ByteStream): Coroutine<void> {
  core.begin(g);
  try {
    yield* new ServerConnection(core, stream).serve();
    yield* stream.close();
  } finally {
    // Of a stream that is closed this does nothing.
    stream.abort();
  }
}
