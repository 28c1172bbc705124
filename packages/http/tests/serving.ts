/**
 * What the tests of the server share: a server on one end of a pair in memory, in virtual time, and a client on the other.
 */
import { group, type Group, type Operation, run, VirtualHost, type Wait } from "rondo";
import { type ByteStream, memoryPair } from "rondo/net";
import { type ConnectionOptions, type RequestHandler, serveStream } from "../src/index.ts";

/** The clock on the wall stands here at the beginning. */
export const START: number = Date.UTC(2026, 10, 22, 12, 0, 0);
export const DATE: string = "Date: Sun, 22 Nov 2026 12:00:00 GMT";

export interface Setting extends ConnectionOptions {
  readonly window?: number;
}

/** A client on one stream, as the tests need it. */
export class Client {
  readonly stream: ByteStream;
  constructor(stream: ByteStream) {
    this.stream = stream;
  }
  send(message: string | Uint8Array): Operation<void> {
    return this.stream.write(message);
  }
  /** All that comes, up to the end. */
  *rest(): Generator<Wait, string, any> {
    let all = "";
    const decoder = new TextDecoder();
    for (;;) {
      const piece = yield* this.stream.read();
      if (piece === undefined) return all + decoder.decode();
      all += decoder.decode(piece, { stream: true });
    }
  }
  /** One head. */
  *head(): Generator<Wait, string, any> {
    const bytes = yield* this.stream.readUntil("\r\n\r\n");
    return bytes === undefined ? "" : new TextDecoder().decode(bytes);
  }
  /** One answer with a `Content-Length`: the head's first line, and the body. */
  *answer(): Generator<Wait, string, any> {
    const head = yield* this.head();
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const body = length === 0 ? "" : new TextDecoder().decode(yield* this.stream.readExactly(length));
    return `${head.slice(9, head.indexOf("\r\n"))}|${body}`;
  }
}

/** A server on one end of a pair, and a client on the other. */
export function serving<T>(
  handler: RequestHandler,
  body: (client: Client, g: Group, host: VirtualHost) => Operation<T>,
  options: Setting = {},
): Promise<T> {
  const host = new VirtualHost({ wallClock: START });
  return run(
    () =>
      group(function* (g) {
        const [client, server] = memoryPair(options.window === undefined ? {} : { window: options.window });
        g.spawn(serveStream(server, handler, options), { name: "server" });
        const result = yield* body(new Client(client), g, host);
        client.abort();
        return result;
      }),
    { host },
  );
}

export const GET: string = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
export const LAST: string = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
export const OLD: string = "GET / HTTP/1.0\r\n\r\n";
