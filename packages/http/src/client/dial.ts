/** Connecting for a request: directly, with TLS, through a proxy, through a tunnel that a proxy makes. */
import { BrokenError, type Coroutine, type Operation, timeout as within } from "rondo";
import { type ByteStream, type ClientSettings, connect, connectTls, connectUnix, startTls } from "rondo/net";

import { HttpError } from "../errors.ts";
import { fieldLine } from "../headers.ts";
import { HEAD, INTERIM, NEED, SWITCHED } from "../parser.ts";
import { ResponseParser } from "../response-parser.ts";
import { latin1Bytes, NO_LENGTH, requestText } from "../writer.ts";
import type { Proxy } from "./proxy.ts";
import type { Target } from "./target.ts";

/** How connections are made. Times are in ms. */
export interface DialOptions {
  /** How long names, attempts and handshakes may take together. */
  readonly timeout: number | undefined;
  readonly tls: ClientSettings | undefined;
  /** A Unix socket that all requests go to, whatever the host. */
  readonly unix: string | undefined;
  readonly localAddress: string | undefined;
  readonly family: 4 | 6 | undefined;
  /** Why not to connect to an address. */
  readonly refuse: ((address: string) => string | undefined) | undefined;
  /** A proxy makes a tunnel also to a target that is spoken to in the clear: what goes through it is no request to pass on. */
  readonly tunnel?: boolean | undefined;
}

/** A connection for requests to `target`. Throws what `connect` and `connectTls` throw, and an `HttpError` of the proxy. */
export function dial(target: Target, proxy: Proxy | undefined, options: DialOptions): Operation<ByteStream> {
  const { timeout } = options;
  const dialled = dialling(target, proxy, options);
  return timeout === undefined ? dialled : within(timeout, dialled, { name: `connect to ${target.host}` });
}

function* dialling(target: Target, proxy: Proxy | undefined, options: DialOptions): Coroutine<ByteStream> {
  if (options.unix !== undefined) return yield* connectUnix(options.unix);
  if (proxy === undefined) return yield* reach(target, options);
  const stream = yield* reach(proxy, options);
  if (!target.secure && options.tunnel !== true) return stream;
  let done = false;
  try {
    yield* tunnel(stream, target, proxy);
    const through = target.secure
      ? yield* startTls(stream, { role: "client", servername: target.hostname, ...options.tls })
      : stream;
    done = true;
    return through;
  } finally {
    if (!done) stream.abort();
  }
}

interface Place {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
}

function* reach(place: Place, { tls, localAddress, family, refuse }: DialOptions): Coroutine<ByteStream> {
  const where = { host: place.hostname, port: place.port, localAddress, family, refuse };
  return place.secure ? yield* connectTls({ ...tls, ...where }) : yield* connect(where);
}

/** Has the proxy connect this stream to the target (RFC 9110 section 9.3.6). */
function* tunnel(stream: ByteStream, target: Target, proxy: Proxy): Coroutine<void> {
  const authority = `${target.url.hostname}:${target.port}`;
  const lines = proxy.authorization === undefined ? "" : fieldLine("Proxy-Authorization", proxy.authorization);
  yield* stream.write(latin1Bytes(requestText("CONNECT", authority, authority, lines, NO_LENGTH)));
  const parser = new ResponseParser();
  parser.expect("CONNECT");
  for (;;) {
    const event = parser.next();
    if (event === NEED) {
      const piece = yield* stream.read();
      if (piece === undefined) parser.finish();
      else parser.push(piece);
    } else if (event === SWITCHED) {
      const rest = parser.rest();
      if (rest.length > 0) stream.unread(rest);
      return;
    } else if (event === HEAD && !parser.head.switches) {
      const { status, reason } = parser.head;
      const advice = status === 407 ? ": it wants a user and a password, in its address" : "";
      throw new HttpError(
        502,
        `the proxy ${proxy.name} does not connect to ${authority}: ${status} ${reason}${advice}`,
      );
    } else if (event !== INTERIM && event !== HEAD)
      throw new BrokenError(`the proxy ${proxy.name} closed the connection when it was asked for ${authority}`);
  }
}
