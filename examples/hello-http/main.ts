// A web server: routes, a body, a mistake, and a client that asks it.
//
// A handler is a function* that takes a request and gives a response; whatever it waits for, it waits for in a task that is
// cancelled when the client leaves. Answers are values, so a router is an `if`.
//
// Run it: node --conditions=rondo-source examples/hello-http/main.ts [PORT]
// With a port it serves until Ctrl-C; without one it asks itself a few things and ends.
import { fetch, HttpError, type HttpRequest, json, serve, text } from "@rondo/http";
import { type Coroutine, group, run } from "rondo";

function* handler(request: HttpRequest): Coroutine<Response | ReturnType<typeof text>> {
  if (request.path === "/") return text("Hello, World!\n");
  if (request.path === "/sum" && request.method === "POST") {
    const numbers = (yield* request.json()) as number[];
    return json({ sum: numbers.reduce((sum, n) => sum + n, 0) });
  }
  throw new HttpError(404, `there is nothing at ${request.path}`);
}

const port = Number(process.argv[2] ?? 0);
await run(() =>
  group(function* () {
    const server = yield* serve({ host: "127.0.0.1", port, handler });
    console.log(`serving at ${server.url}`);
    if (port !== 0) return;

    const hello = yield* fetch(server.url);
    console.log(hello.status, (yield* hello.text()).trim()); // prints: 200 Hello, World!
    const sum = yield* fetch(`${server.url}/sum`, { json: [1, 2, 3] });
    console.log(yield* sum.json()); // prints: { sum: 6 }
    const missing = yield* fetch(`${server.url}/else`);
    console.log(missing.status, (yield* missing.text()).trim()); // prints: 404 there is nothing at /else
    const broken = yield* fetch(`${server.url}/sum`, { method: "POST", body: "[1, 2" });
    console.log(broken.status); // prints: 400
    server.stop({ within: 1000 });
  }),
);
