// A reverse proxy: requests go on to one of several servers, bodies stream both ways, and a server that is down is left out.
//
// The whole of cancellation is in what is not there: when the client leaves, the handler is cancelled, and with it the request
// to the server behind. Nothing has to be passed on or listened to.
//
// Run it: node --conditions=rondo-source examples/reverse-proxy/main.ts
import {
  type Client,
  fetch,
  HttpError,
  type HttpHeaders,
  type HttpRequest,
  HttpResponse,
  openClient,
  type RequestHandler,
  serve,
  text,
} from "@rondo/http";
import { type Coroutine, group, run, sleep } from "rondo";
import { ConnectError } from "rondo/net";

/** Fields that are between two neighbours only (RFC 9110 section 7.6.1), and those that this client writes itself. */
const OURS = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "proxy-authorization",
  "proxy-connection",
  "host",
  "content-length",
]);

function passedOn(fields: HttpHeaders): [string, string][] {
  // A sender may name more of them.
  const named = new Set((fields.get("connection") ?? "").toLowerCase().split(/[\s,]+/));
  return [...fields].filter(([name]) => !OURS.has(name) && !named.has(name));
}

/** An answer to HEAD has no body, but says how long it would be. */
function lengthSaid(fields: HttpHeaders): number | undefined {
  const said = fields.get("content-length");
  return said === undefined ? undefined : Number(said);
}

function reverseProxy(client: Client, servers: readonly string[]): RequestHandler {
  let turn = 0;
  return function* (request: HttpRequest): Coroutine<HttpResponse> {
    for (let tries = 0; tries < servers.length; tries++) {
      const server = servers[turn++ % servers.length] as string;
      try {
        const { pathname, search } = request.url; // the target may name a host, and it is not ours to follow
        const response = yield* client.fetch(server + pathname + search, {
          method: request.method,
          headers: [...passedOn(request.headers), ["x-forwarded-for", request.remote?.host ?? "unknown"]],
          body: request.length === 0 ? null : request.body,
          redirect: "manual",
          raw: true,
        });
        return new HttpResponse(response.body, {
          status: response.status,
          headers: passedOn(response.headers),
          length: request.method === "HEAD" ? lengthSaid(response.headers) : response.length,
        });
      } catch (error) {
        // Nothing has been said yet, so somebody else can be asked.
        if (!(error instanceof ConnectError)) throw error;
        console.log("left out one that is down");
      }
    }
    throw new HttpError(502, "none of the servers can be reached");
  };
}

await run(() =>
  group(function* () {
    const names = ["a", "b"];
    const behind = [];
    for (const name of names) {
      const handler: RequestHandler = function* (request) {
        if (request.path !== "/slow") return text(`${name}: ${request.method} ${yield* request.text()}`);
        try {
          yield* sleep(60_000);
        } finally {
          console.log(`${name} stops working for somebody who has left`);
        }
        return text("slow");
      };
      behind.push(yield* serve({ host: "127.0.0.1", port: 0, handler }));
    }
    const client = openClient({ proxy: null });
    const handler = reverseProxy(
      client,
      behind.map((server) => server.url),
    );
    const front = yield* serve({ host: "127.0.0.1", port: 0, handler });

    for (let i = 0; i < 2; i++) console.log(yield* (yield* fetch(front.url)).text());
    // prints: a: GET
    // prints: b: GET
    console.log(yield* (yield* fetch(front.url, { method: "POST", body: "a body" })).text()); // prints: a: POST a body
    behind[0]?.stop();
    yield* behind[0]?.ended() ?? [];
    for (let i = 0; i < 2; i++) console.log(yield* (yield* fetch(front.url)).text());
    // prints: b: GET
    // prints: left out one that is down
    // prints: b: GET

    yield* group(function* (g) {
      const impatient = g.spawn(fetch(`${front.url}/slow`));
      yield* sleep(50);
      impatient.cancel(); // prints: b stops working for somebody who has left
    });
    behind[1]?.stop({ within: 1000 });
    front.stop({ within: 1000 });
  }),
);
