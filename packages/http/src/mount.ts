/**
 * Handlers in the style of `fetch`: what takes a `Request` and gives a `Response` or a promise of one, as Hono's and every
 * other framework's of that shape.
 *
 * The `Request` is a real one. Its body is pulled by tasks that live as long as the request does, so that back-pressure goes
 * through; its signal is aborted when the client leaves, and not made unless somebody looks at it.
 */
import { type Coroutine, currentGroup, type Group, until } from "rondo";
import { HttpError } from "./errors.ts";
import type { HttpRequest } from "./request.ts";
import type { HttpResponse } from "./response.ts";
import { asResponse, type RequestHandler } from "./server-core.ts";

/** What a mounted handler gets beside the `Request` (Hono's `c.env`). */
export interface MountContext {
  /** The request as the server sees it: its client's address, its fields as they came. */
  readonly request: HttpRequest;
}

/** A handler in the style of `fetch`. */
export type FetchHandler = (request: Request, context: MountContext) => Response | PromiseLike<Response>;

/** Methods that the platform's `Request` does not have. */
const NOT_FETCHED: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

/**
 * A handler in the style of `fetch`, or an app that has one, as a handler of ours. It is not cancelled as a coroutine is: when
 * the client leaves its signal is aborted, and what it still does is its own affair.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { mount, serveStream } from "@rondo/http";
 * import { group, run } from "rondo";
 * import { memoryPair } from "rondo/net";
 *
 * const app = new Hono();
 * app.get("/hello/:name", (c) => c.text(`Hello, ${c.req.param("name")}`));
 * await run(() =>
 *   group(function* (g) {
 *     const [client, server] = memoryPair();
 *     g.spawn(serveStream(server, mount(app)));
 *     yield* client.write("GET /hello/Anna HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
 *     console.log((yield* client.lines().toArray()).at(-1)); // prints: Hello, Anna
 *     yield* client.close();
 *   }),
 * );
 * ```
 */
export function mount(app: FetchHandler | { readonly fetch: FetchHandler }): RequestHandler {
  if (typeof app !== "function" && typeof app?.fetch !== "function")
    throw new TypeError("mount() takes a function (request) => Response, or something that has one as `fetch`");
  // As a method of the app, which may want to be one.
  const handler: FetchHandler = typeof app === "function" ? app : (request, context) => app.fetch(request, context);
  return function* mounted(request: HttpRequest): Coroutine<HttpResponse> {
    const answer: unknown = handler(webRequest(request, currentGroup()), { request });
    if (typeof (answer as { then?: unknown } | null | undefined)?.then !== "function") return asResponse(answer);
    return asResponse(yield* until(answer as PromiseLike<Response>));
  };
}

type Mounted = new (source: HttpRequest, url: string, init: RequestInit) => Request;

let mountedRequest: Mounted | undefined;

/**
 * The platform's `Request` with the signal of ours, which is made when somebody asks for it: to hand one to the platform would
 * make one for each request. Made with the first one, since Node loads all of its `fetch` when `Request` is first named.
 */
function mountedClass(): Mounted {
  class MountedRequest extends Request {
    readonly source: HttpRequest;

    constructor(source: HttpRequest, url: string, init: RequestInit) {
      super(url, init);
      this.source = source;
    }
  }
  Object.defineProperty(MountedRequest.prototype, "signal", {
    configurable: true,
    get(this: MountedRequest): AbortSignal {
      return this.source.signal;
    },
  });
  return MountedRequest;
}

function webRequest(request: HttpRequest, group: Group): Request {
  const { method } = request;
  if (NOT_FETCHED.has(method)) throw new HttpError(501, `${method} is not served here`);
  const init: RequestInit & { duplex?: "half" } = { method, headers: request.headers.raw };
  if (request.length !== 0 && method !== "GET" && method !== "HEAD") {
    init.body = bodyOf(request, group);
    init.duplex = "half";
  }
  mountedRequest ??= mountedClass();
  return new mountedRequest(request, request.href, init);
}

/** The body as the platform has it: pulled, each piece by a task beside the handler's, which waits for its promise. */
function bodyOf(request: HttpRequest, group: Group): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) =>
        new Promise<void>((resolve) => {
          group.spawn(() => pull(request, controller, resolve), PULLING);
        }),
    },
    { highWaterMark: 0 },
  );
}

const PULLING = { name: "body" };

function* pull(
  request: HttpRequest,
  controller: ReadableStreamDefaultController<Uint8Array>,
  done: () => void,
): Coroutine<void> {
  try {
    const piece = yield* request.read();
    // A view of what came with it: the platform's are transferred to others, and take their memory with them.
    if (piece === undefined) controller.close();
    else controller.enqueue(new Uint8Array(piece));
  } catch (error) {
    // To whoever reads the body; this task has done what it was for.
    controller.error(error);
  } finally {
    done();
  }
}
