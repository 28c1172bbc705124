/** What the tests of the client share: a server on a node of its own in a simulated world, and a client on another one. */
import type { Coroutine } from "rondo";
import type { ByteStream } from "rondo/net";
import { listen, serve as serveStreams } from "rondo/net";
import { type Run, simulate, type SimulateOptions, type World } from "rondo/sim";
import {
  type Client,
  type ClientOptions,
  type HttpRequest,
  type HttpResponse,
  json,
  openClient,
  type RequestHandler,
  serve,
  type ServeOptions,
} from "../src/index.ts";

/** Runs a simulated world, and throws what failed in it. */
export function inWorld<T>(body: (world: World) => Coroutine<T>, options: SimulateOptions = {}): Run<T> {
  const run = simulate(options, body);
  if (!run.ok) throw run.error;
  return run;
}

/** A server named `server` on port 80, and a client that is opened on the world's own node. */
export function fetching<T>(
  handler: RequestHandler,
  body: (client: Client, world: World) => Coroutine<T>,
  options: ClientOptions & { readonly serve?: Partial<ServeOptions>; readonly sim?: SimulateOptions } = {},
): T {
  const { serve: serving, sim, ...own } = options;
  return inWorld(function* (world) {
    webServer(world, "server", handler, serving);
    return yield* body(openClient({ baseUrl: "http://server", proxy: null, ...own }), world);
  }, sim).value as T;
}

export function webServer(
  world: World,
  name: string,
  handler: RequestHandler,
  options: Partial<ServeOptions> = {},
): void {
  world.node(name, function* () {
    const server = yield* serve({ port: 80, handler, ...options });
    yield* server.ended();
  });
}

/** A server that says exactly these bytes to each connection, once it has read a head, and then does what `then` says. */
export function rawServer(
  world: World,
  name: string,
  say: (stream: ByteStream, head: string, count: number) => Coroutine<void>,
): void {
  world.node(name, function* () {
    const listener = yield* listen({ port: 80 });
    let count = 0;
    yield* serveStreams(listener, function* (stream) {
      for (;;) {
        const head = yield* stream.readUntil("\r\n\r\n");
        if (head === undefined) return;
        yield* say(stream, new TextDecoder().decode(head), ++count);
      }
    });
  });
}

/** Answers with what was asked. */
export function* echo(request: HttpRequest): Coroutine<HttpResponse> {
  return json({
    method: request.method,
    target: request.target,
    headers: Object.fromEntries(request.headers),
    body: yield* request.text(),
  });
}

export interface Echo {
  readonly method: string;
  readonly target: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What an operation throws; undefined where it throws nothing. */
export function* thrown(operation: Coroutine<unknown>): Coroutine<unknown> {
  try {
    yield* operation;
  } catch (error) {
    return error;
  }
  return undefined;
}
