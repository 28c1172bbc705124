/**
 * Serving by TLS: a listening socket whose connections shake hands in their own tasks.
 *
 * A handshake takes as long as the client wants it to. So no connection waits for another one's: each has its own task and
 * its own deadline, and one that fails ends its own connection and is counted.
 */
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { currentLoop } from "../loop/sleep.ts";
import { listen, type ListenAt, type Listener, type ListenerStatistics } from "./listen.ts";
import { serve, type ServeOptions } from "./serve.ts";
import type { ByteStream } from "./stream.ts";
import { engineOf, type HandshakeSettings, secured, type TlsStream } from "./tls.ts";
import type { ServerSettings } from "./tls-options.ts";
import { type TlsEngine, tlsOf, type TlsService } from "./tls-service.ts";
import type { Address } from "./transport.ts";

/** Where to listen by TLS, and how. */
export interface ListenTlsOptions extends ListenAt, ServerSettings, HandshakeSettings {}

/** What a TLS listener tells about itself. */
export interface TlsListenerStatistics extends ListenerStatistics {
  /** Connections that are shaking hands. */
  readonly handshaking: number;
  /** Handshakes that have succeeded. */
  readonly secured: number;
  /** Handshakes that have failed: not TLS, a certificate that was refused, too slow, gone in the middle. */
  readonly failed: number;
}

/**
 * A listening socket for TLS. Get one from {@link listenTls}, and close it: by {@link serveTls}, by `use()`, or by hand.
 *
 * @example
 * ```ts
 * import { readFileSync } from "node:fs";
 * import type { TlsListener } from "rondo/net";
 *
 * // Those who come from now on see the new certificate.
 * function renew(listener: TlsListener, folder: string): void {
 *   listener.update({ cert: readFileSync(`${folder}/cert.pem`), key: readFileSync(`${folder}/key.pem`) });
 * }
 * console.log(typeof renew); // prints: function
 * ```
 */
export class TlsListener {
  /** @internal Connections as they come. */
  readonly _listener: Listener;
  private settings: ListenTlsOptions;
  private readonly service: TlsService;
  private engine: TlsEngine;
  private handshaking: number;
  private secured: number;
  private failed: number;

  /** @internal */
  constructor(listener: Listener, settings: ListenTlsOptions, service: TlsService, engine: TlsEngine) {
    this._listener = listener;
    this.settings = settings;
    this.service = service;
    this.engine = engine;
    this.handshaking = 0;
    this.secured = 0;
    this.failed = 0;
  }

  /** What a person reads: `tls 127.0.0.1:443`. */
  get label(): string {
    return this._listener.label.replace("tcp", "tls");
  }

  get address(): Address {
    return this._listener.address;
  }

  /**
   * Waits for a connection and for its handshake, in the task that asks: let several ask, or use {@link serveTls}, or one
   * slow client is waited for by all. A switch point. Throws a {@link TlsError} for a handshake that failed, a `ClosedError`
   * where the listener is closed.
   */
  *accept(): Coroutine<TlsStream> {
    return yield* this._secure(yield* this._listener.accept());
  }

  /**
   * Uses other settings for the connections that come from now on: a certificate that was renewed, for example. Those that
   * are there stay as they are. What is not given stays. Throws a `TypeError` for what cannot be used, and then nothing
   * has changed. Not a switch point.
   */
  update(settings: ServerSettings): void {
    const all = { ...this.settings, ...settings };
    this.engine = this.service.server(all);
    this.settings = all;
  }

  /** As `close()` of a plain listener; streams that were accepted go on. Not a switch point. */
  close(): void {
    this._listener.close();
  }

  /** For `using` and `use()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  statistics(): TlsListenerStatistics {
    const { handshaking, secured: done, failed } = this;
    return { ...this._listener.statistics(), handshaking, secured: done, failed };
  }

  /** @internal */
  *_secure(stream: ByteStream): Coroutine<TlsStream> {
    this.handshaking++;
    try {
      const { handshakeTimeout } = this.settings;
      const result = yield* secured(stream, this.engine, { role: "server", handshakeTimeout });
      this.secured++;
      return result;
    } catch (error) {
      this.failed++;
      throw error;
    } finally {
      this.handshaking--;
    }
  }
}

/**
 * Listens to a TCP port for TLS. A switch point. Throws a `TypeError` for a certificate or a key that cannot be used, else as
 * `listen`.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { listenTls } from "rondo/net";
 *
 * try {
 *   await run(() => listenTls({ host: "127.0.0.1", port: 0, cert: "no certificate", key: "no key" }));
 * } catch (error) {
 *   console.log((error as Error).name); // prints: TypeError
 * }
 * ```
 */
export function* listenTls(options: ListenTlsOptions): Coroutine<TlsListener> {
  const engine = engineOf({ ...options, role: "server" });
  const service = tlsOf(currentLoop("listenTls()").host);
  const { host, port, backlog, reusePort, ipv6Only } = options;
  return new TlsListener(yield* listen({ host, port, backlog, reusePort, ipv6Only }), options, service, engine);
}

/** What serves one connection. */
export type TlsHandler = (stream: TlsStream) => Operation<unknown>;

/** How to serve by TLS. */
export interface ServeTlsOptions extends ServeOptions {
  /**
   * Told of what a handler threw, with its stream, and of handshakes that failed, with a stream that is gone. What it
   * throws itself ends the server. Without it a `BrokenError` (the peer has gone; a `TlsError` is one) is dropped, and
   * everything else is reported by the host.
   */
  readonly onError?: ((error: unknown, stream: ByteStream) => void) | undefined;
}

/**
 * Serves every connection of a TLS listener by a task of its own, which begins with the handshake. Else as `serve`:
 * `maxConnections` also counts those that are shaking hands. A switch point.
 *
 * @example
 * ```ts
 * import { readFileSync } from "node:fs";
 * import { listenTls, serveTls } from "rondo/net";
 *
 * function* server(folder: string) {
 *   const cert = readFileSync(`${folder}/cert.pem`);
 *   const key = readFileSync(`${folder}/key.pem`);
 *   const listener = yield* listenTls({ port: 443, cert, key, alpn: ["http/1.1"] });
 *   yield* serveTls(listener, function* (stream) {
 *     yield* stream.write(`you speak ${stream.tls.protocol}\n`);
 *   });
 * }
 * console.log(typeof server); // prints: function
 * ```
 */
export function serveTls(listener: TlsListener, handler: TlsHandler, options: ServeTlsOptions = {}): Operation<void> {
  if (typeof handler !== "function")
    throw new TypeError("serveTls() takes a function* (stream) {…} for each connection");
  const { onError } = options;
  /** The streams whose handlers are at work, by those on which they stand. */
  const upper = new WeakMap<ByteStream, TlsStream>();

  function* connection(lower: ByteStream): Coroutine<void> {
    const stream = yield* listener._secure(lower);
    upper.set(lower, stream);
    try {
      yield* handler(stream);
      yield* stream.close();
    } finally {
      // Of a stream that is closed this does nothing.
      stream.abort();
    }
  }

  return serve(listener._listener, connection, {
    ...options,
    onError: onError === undefined ? undefined : (error, lower) => onError(error, upper.get(lower) ?? lower),
  });
}
