/**
 * TLS on a stream: a handshake, and a new stream on top of the old one.
 *
 * What TLS does is done by an engine of the host (tls-service.ts). What is done here is what must hold in every world: the
 * old stream is out of use before the first byte of TLS, what came on it earlier goes into TLS and nowhere else, the
 * handshake has an end, and whatever way it ends, nothing is left of it.
 */
import { type Coroutine, LateError, type Operation } from "../coroutine/wait.ts";
import { checkMs, currentLoop } from "../loop/sleep.ts";
import { moveOnAfter, timeout } from "../task/scope.ts";
import { suspend } from "../task/suspend.ts";
import { shownEndpoint } from "./address.ts";
import { connect, type ConnectOptions, discard, withdrawing } from "./connect.ts";
import { TlsError } from "./errors.ts";
import { ByteStream } from "./stream.ts";
import type { ClientSettings, ServerSettings, TlsInfo } from "./tls-options.ts";
import { type Secured, type TlsEngine, tlsOf } from "./tls-service.ts";
import type { Transport } from "./transport.ts";

/** As in asyncio. */
const HANDSHAKE_TIMEOUT = 60_000;

/**
 * A stream whose bytes go through TLS. Get one from `connectTls`, `startTls`, or `serveTls`.
 *
 * @example
 * ```ts
 * import { connectTls, TlsStream } from "rondo/net";
 *
 * function shown(stream: TlsStream): string {
 *   const { protocol, alpn = "nothing in particular", resumed } = stream.tls;
 *   return `${protocol}, speaking ${alpn}${resumed ? ", resumed" : ""}`;
 * }
 * function* look(host: string) {
 *   const stream = yield* connectTls({ host, port: 443, alpn: ["h2", "http/1.1"] });
 *   yield* stream.close();
 *   return shown(stream);
 * }
 * console.log(typeof look); // prints: function
 * ```
 */
export class TlsStream extends ByteStream {
  /** What the two sides have agreed on, and who the peer is. */
  readonly tls: TlsInfo;

  /** @internal */
  constructor(transport: Transport, info: TlsInfo) {
    super(transport);
    this.tls = info;
  }
}

/** How the handshake is done. */
export interface HandshakeSettings {
  /** How long the handshake may take, in ms; `Infinity` for no limit. Default 60 s. */
  readonly handshakeTimeout?: number | undefined;
}

/** How to begin TLS on a stream. */
export type StartTlsOptions = HandshakeSettings & {
  /**
   * What becomes of bytes that came before and that nobody has read. `tls`: they are the beginning of TLS; where they cannot
   * be, that is an error (`plaintext`). `discard`: they are thrown away, for protocols in which a client has been told to
   * begin, and what it sent without waiting for that was plain text. Never are they given out by the new stream as if they had
   * come through TLS. Default `tls`.
   */
  readonly early?: "tls" | "discard" | undefined;
} & (({ readonly role: "client" } & ClientSettings) | ({ readonly role: "server" } & ServerSettings));

/**
 * Begins TLS on a stream of any kind and gives a new stream; the old one cannot be used any more (`ClosedError`). A switch
 * point.
 *
 * As a client, say for which `servername` the certificate has to be. Throws a {@link TlsError} whose `check` says what
 * was wrong, a `BusyError` where others read or write the stream. Failed or cancelled, the connection is gone.
 *
 * Bytes that came before go into TLS, so a peer that has begun already loses nothing. What somebody on the way has put in
 * front of TLS as plain text is refused: as a client whatever came (a server does not speak first), as a server whatever
 * is no TLS.
 *
 * `end()` tells the peer by a `close_notify` that no more will come, and reading goes on; the peer's own library must play
 * along (many close at once). `close()` does the same and does not wait for the peer's answer. A connection that ends
 * without a `close_notify` is an error when it is read to its end, `truncated`, unless `truncation` says otherwise.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { memoryPair, startTls, TlsError } from "rondo/net";
 *
 * await run(() =>
 *   group(function* (g) {
 *     const [client, server] = memoryPair();
 *     g.spawn(function* () {
 *       yield* server.write("220 what is TLS?\n");
 *     });
 *     try {
 *       yield* startTls(client, { role: "client", servername: "example.org" });
 *     } catch (error) {
 *       console.log((error as TlsError).check); // prints: not tls
 *     }
 *   }),
 * );
 * ```
 */
export function* startTls(stream: ByteStream, options: StartTlsOptions): Coroutine<TlsStream> {
  if (!(stream instanceof ByteStream)) throw new TypeError("startTls() takes a ByteStream");
  return yield* secured(stream, engineOf(options), options);
}

/** The engine for these options. Wrong ones are found here, before anything has happened to a connection. */
export function engineOf(options: StartTlsOptions): TlsEngine {
  const service = tlsOf(currentLoop("startTls()").host);
  const { role, handshakeTimeout } = options;
  if (handshakeTimeout !== undefined && handshakeTimeout !== Infinity)
    checkMs(handshakeTimeout, "the handshakeTimeout");
  if (role === "server") return service.server(options);
  if (role !== "client") throw new TypeError(`startTls() takes the role "client" or "server", not ${String(role)}`);
  if ((options.servername ?? "") === "" && options.rejectUnauthorized !== false)
    throw new TypeError("startTls() as a client takes the servername that the server's certificate has to be for");
  return service.client(options);
}

/** Puts TLS on top of a stream. */
export function* secured(
  stream: ByteStream,
  engine: TlsEngine,
  options: Pick<StartTlsOptions, "role" | "early" | "handshakeTimeout">,
): Coroutine<TlsStream> {
  const { role, handshakeTimeout = HANDSHAKE_TIMEOUT } = options;
  const { label } = stream;
  const { transport, early, ended } = stream._handOver("TLS");
  const bytes = options.early === "discard" ? new Uint8Array(0) : early;
  const refused = ended ? endedEarly(label) : refusedEarly(bytes, role, label);
  if (refused !== null) {
    discard(transport);
    throw refused;
  }
  let taken = false;
  const shaking = (): Operation<Secured> =>
    suspend<Secured>((wake, fail) => {
      const abandon = engine.start(transport, bytes, (error, done) =>
        error === null ? wake(done as Secured) : fail(new LateError(() => anew(error))),
      );
      taken = true;
      return withdrawing(abandon);
    }, `TLS handshake on ${label}`);
  let result: { readonly timedOut: false; readonly value: Secured } | { readonly timedOut: true };
  try {
    result =
      handshakeTimeout === Infinity
        ? { timedOut: false, value: yield* shaking() }
        : yield* moveOnAfter(handshakeTimeout, shaking);
  } finally {
    // Cancelled before it began, or settings that the engine does not take: nobody else has the transport.
    if (!taken) discard(transport);
  }
  if (result.timedOut)
    throw new TlsError(`${label}: the TLS handshake was not done after ${handshakeTimeout} ms`, "handshake timeout");
  return new TlsStream(result.value.transport, result.value.info);
}

/** Built where it is thrown, so that its stack shows the user's lines. */
function anew(error: Error): Error {
  return error instanceof TlsError ? new TlsError(error.message, error.check, error) : error;
}

function endedEarly(label: string): TlsError {
  return new TlsError(`${label}: the peer had ended the connection before TLS could begin`, "handshake");
}

/** What is wrong with bytes that came before TLS was to begin, or null. */
function refusedEarly(early: Uint8Array, role: "client" | "server", label: string): TlsError | null {
  const [type, major = 3] = early;
  if (type === undefined || (role === "server" && type === 0x16 && major === 3)) return null;
  const received = JSON.stringify(String.fromCharCode(...early.subarray(0, 40)));
  const why = role === "client" ? "a server does not begin TLS" : "they are no TLS";
  return new TlsError(
    `${label}: ${early.length} bytes came before TLS was to begin, and ${why}: ${received}: somebody on the way may have put them there`,
    "plaintext",
    { expected: role === "client" ? "nothing" : "a ClientHello", received },
  );
}

/** Where to connect to by TLS, and how. */
export interface ConnectTlsOptions extends ConnectOptions, ClientSettings, HandshakeSettings {
  /** How long everything may take together (names, all attempts, the handshake), in ms. */
  readonly timeout?: number | undefined;
  /** The name that the server's certificate has to be for, and that the server is told. Default: `host`. */
  readonly servername?: string | undefined;
}

/**
 * Connects to a TCP port (as `connect` does) and begins TLS. A switch point.
 *
 * Throws a {@link ConnectError} where nothing answers, a {@link TlsError} whose `check` says what was wrong, a `TimeoutError`
 * where `timeout` was over. Failed or cancelled, it leaves nothing open.
 *
 * To resume a session, keep what `onSession` tells (or `stream.tls.session`, when some of the stream has been read) and give
 * it to the next connection as `session`; `stream.tls.resumed` says whether the server took it.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { connectTls, TlsError } from "rondo/net";
 *
 * function* certificateOf(host: string) {
 *   const stream = yield* connectTls({ host, port: 443, alpn: ["http/1.1"], timeout: 10_000 });
 *   yield* stream.close();
 *   return stream.tls.peerCertificate;
 * }
 * try {
 *   await run(() => certificateOf("name.invalid"));
 * } catch (error) {
 *   console.log(error instanceof TlsError, (error as Error).name); // prints: false ConnectError
 * }
 * ```
 */
export function connectTls(options: ConnectTlsOptions): Operation<TlsStream> {
  const { timeout: ms } = options;
  if (ms === undefined) return connecting(options);
  return timeout(ms, () => connecting(options), { name: `connect to ${shownEndpoint(options)}` });
}

function* connecting(options: ConnectTlsOptions): Coroutine<TlsStream> {
  const { host, port, localAddress, family, attemptDelay, refuse, servername = host } = options;
  const tls = { ...options, role: "client" as const, servername };
  const engine = engineOf(tls);
  const stream = yield* connect({ host, port, localAddress, family, attemptDelay, refuse });
  return yield* secured(stream, engine, tls);
}
