// An app written for Hono, served by Rondo: its router, middleware and cookies run as they are.
//
// Whatever has the shape `(Request) => Response | Promise<Response>` can be mounted. Around it stands a handler of ours, which
// answers some requests itself: the two kinds mix.
//
// Run it: node --conditions=rondo-source examples/hono-app/main.ts [PORT]
import { fetch, mount, openClient, serve, text } from "@rondo/http";
import { Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { group, run } from "rondo";

const app = new Hono();
app.use(async (c, next) => {
  await next();
  c.header("X-Powered-By", "Hono on Rondo");
});
app.get("/hello/:name", (c) => c.json({ hello: c.req.param("name") }));
app.get("/visits", (c) => {
  const visits = Number(getCookie(c, "visits") ?? 0) + 1;
  setCookie(c, "visits", String(visits));
  return c.text(`visit ${visits}`);
});
app.post("/echo", async (c) => c.text((await c.req.text()).toUpperCase()));

const hono = mount(app);
const port = Number(process.argv[2] ?? 0);
await run(() =>
  group(function* () {
    const server = yield* serve({
      host: "127.0.0.1",
      port,
      handler: (request) => (request.path === "/health" ? text("fine") : hono(request)),
    });
    console.log(`serving at ${server.url}`);
    if (port !== 0) return;

    const client = openClient({ baseUrl: server.url, cookies: true, proxy: null });
    console.log(yield* (yield* client.fetch("/hello/Anna")).json()); // prints: { hello: 'Anna' }
    for (let i = 0; i < 2; i++) console.log(yield* (yield* client.fetch("/visits")).text());
    // prints: visit 1
    // prints: visit 2
    const echo = yield* client.fetch("/echo", { body: "shout this" });
    console.log(yield* echo.text(), "|", echo.headers.get("x-powered-by")); // prints: SHOUT THIS | Hono on Rondo
    console.log(yield* (yield* fetch(`${server.url}/health`)).text()); // prints: fine
    server.stop({ within: 1000 });
  }),
);
