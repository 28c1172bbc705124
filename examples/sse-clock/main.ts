// A clock that tells the time to whoever listens, by server-sent events, and a client that reads them.
//
// The events are a flow: nothing ticks for a client that has left, because a flow that nobody pulls does nothing. Open the page
// in a browser (give it a port) and see it tick; stop the server, and the browser comes back by itself when it is there again.
//
// Run it: node --conditions=rondo-source examples/sse-clock/main.ts [PORT]
import { fetch, html, type HttpRequest, HttpError, type HttpResponse, serve, serverEvents, sse } from "@rondo/http";
import { type Emit, Flow, group, run, sleep } from "rondo";

const page = `<!doctype html><title>A clock</title><h1 id=clock>…</h1>
<script>new EventSource("/ticks").addEventListener("tick", (e) => { clock.textContent = e.data })</script>`;

function ticks(every: number): Flow<{ event: string; id: string; data: string }> {
  return Flow.from(function* (emit: Emit<{ event: string; id: string; data: string }>) {
    try {
      for (let n = 1; ; n++) {
        yield* emit({ event: "tick", id: String(n), data: new Date().toISOString() });
        yield* sleep(every);
      }
    } finally {
      console.log("nobody listens any more");
    }
  });
}

function handler(request: HttpRequest): HttpResponse {
  if (request.path === "/") return html(page);
  if (request.path === "/ticks") return sse(ticks(port === 0 ? 10 : 1000));
  throw new HttpError(404, "there is a page at / and a clock at /ticks");
}

const port = Number(process.argv[2] ?? 0);
await run(() =>
  group(function* () {
    const server = yield* serve({ host: "127.0.0.1", port, handler });
    console.log(`serving at ${server.url}`);
    if (port !== 0) return;

    const response = yield* fetch(`${server.url}/ticks`);
    const events = serverEvents(response.body);
    for (let i = 0; i < 3; i++) {
      const event = yield* events.next();
      console.log(event?.event, event?.id, /^\d{4}-.*Z$/.test(event?.data ?? ""));
    }
    // prints: tick 1 true
    // prints: tick 2 true
    // prints: tick 3 true
    response.close(); // prints: nobody listens any more
    server.stop({ within: 1000 });
  }),
);
