// An HTTP server that is measured: one contestant in a process of its own, so that what it costs is its own.
//
//   node server.ts CONTESTANT      CONTESTANT: rondo | node | fastify | hono | bun (run by bun)
//
// Each answers `GET /` with "Hello, World!", `POST /json` with the JSON that came, parsed and written anew, `POST /upload` with
// how many bytes came, and `GET /file` with the file that the environment names. It is asked as measured.ts says.
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { HttpRequest, HttpResponse } from "@rondo/http";
import type { Coroutine } from "rondo";
import { ready } from "../measured.ts";

const HOST = "127.0.0.1";
const FILE = process.env["BENCH_FILE"] ?? "";
const HELLO = "Hello, World!";
const TEXT = "text/plain; charset=utf-8";

async function rondo(): Promise<void> {
  const { run, until, group } = await import("rondo");
  const http = await import("@rondo/http");
  function* echoJson(request: HttpRequest): Coroutine<HttpResponse> {
    return http.json(yield* request.json());
  }
  function* count(request: HttpRequest): Coroutine<HttpResponse> {
    let size = 0;
    for (let piece = yield* request.read(); piece !== undefined; piece = yield* request.read()) size += piece.length;
    return http.text(String(size));
  }
  function handler(request: HttpRequest): Coroutine<HttpResponse> | HttpResponse {
    switch (request.path) {
      case "/":
        return http.text(HELLO);
      case "/json":
        return echoJson(request);
      case "/upload":
        return count(request);
      default:
        return http.file(request, FILE, { type: "application/octet-stream" });
    }
  }
  await run(() =>
    group(function* () {
      const server = yield* http.serve({ host: HOST, port: 0, handler, limits: { requests: Infinity } });
      yield* until(ready([server.address.port]));
      server.stop({ within: 0 });
    }),
  );
}

function node(): void {
  const answer = (response: ServerResponse, type: string, body: string): void => {
    response.writeHead(200, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) }).end(body);
  };
  const server = createServer((request: IncomingMessage, response) => {
    if (request.url === "/") answer(response, TEXT, HELLO);
    else if (request.url === "/json") {
      const pieces: Buffer[] = [];
      request.on("data", (piece: Buffer) => pieces.push(piece));
      request.on("end", () =>
        answer(response, "application/json", JSON.stringify(JSON.parse(Buffer.concat(pieces).toString()))),
      );
    } else if (request.url === "/upload") {
      let size = 0;
      request.on("data", (piece: Buffer) => void (size += piece.length));
      request.on("end", () => answer(response, TEXT, String(size)));
    } else {
      const { size } = statSync(FILE);
      response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": size });
      createReadStream(FILE).pipe(response);
    }
  });
  server.keepAliveTimeout = 0;
  server.listen(0, HOST, () => void ready([(server.address() as AddressInfo).port]).then(() => process.exit(0)));
}

async function fastify(): Promise<void> {
  const { default: make } = await import("fastify");
  const app = make();
  app.get("/", (_request, reply) => void reply.type(TEXT).send(HELLO));
  app.post("/json", (request) => request.body);
  app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_request, body, done) =>
    done(null, body),
  );
  app.post("/upload", (request) => String((request.body as Buffer).length));
  app.get("/file", (_request, reply) => void reply.type("application/octet-stream").send(createReadStream(FILE)));
  await app.listen({ host: HOST, port: 0 });
  await ready([(app.server.address() as AddressInfo).port]);
  process.exit(0);
}

async function honoApp(): Promise<{ fetch: (request: Request) => Response | Promise<Response> }> {
  const { Hono } = await import("hono");
  const app = new Hono();
  app.get("/", (c) => c.text(HELLO));
  app.post("/json", async (c) => c.json(await c.req.json()));
  app.post("/upload", async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)));
  app.get("/file", () => new Response(new Uint8Array(readFileSync(FILE))));
  return app;
}

async function hono(): Promise<void> {
  const { serve } = await import("@hono/node-server");
  const app = await honoApp();
  serve(
    { fetch: app.fetch as never, hostname: HOST, port: 0 },
    (at) => void ready([at.port]).then(() => process.exit(0)),
  );
}

async function bun(): Promise<void> {
  const { Bun } = globalThis as unknown as {
    Bun: { serve(options: object): { port: number }; file(path: string): Blob };
  };
  const server = Bun.serve({
    hostname: HOST,
    port: 0,
    async fetch(request: Request) {
      const path = request.url.slice(request.url.indexOf("/", 8));
      if (path === "/") return new Response(HELLO);
      if (path === "/json") return Response.json(await request.json());
      if (path === "/upload") return new Response(String((await request.arrayBuffer()).byteLength));
      return new Response(Bun.file(FILE));
    },
  });
  await ready([server.port]);
  process.exit(0);
}

const contestants: Readonly<Record<string, () => unknown>> = { rondo, node, fastify, hono, bun };
await contestants[process.argv[2] ?? ""]?.();
