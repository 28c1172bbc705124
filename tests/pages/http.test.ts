// Chromium and our server: pages with forms and files, events that go on where they broke off, streams, caches, cookies.
import { createHash, randomBytes } from "node:crypto";

import {
  compressed,
  empty,
  html,
  type HttpRequest,
  type HttpResponse,
  json,
  multipart,
  redirect,
  type RequestHandler,
  serve,
  sse,
  stream,
  text,
} from "@rondo/http";
import { type Coroutine, type Emit, Flow, Gate, group, type Operation, run, sleep, until } from "rondo";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { inChromium, sharedBrowser } from "../browser/chromium.ts";

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Handlers fail on purpose here. */
const log = { info: () => {}, error: () => {} };

type Handler = (request: HttpRequest) => Operation<HttpResponse> | HttpResponse;
type Routes = Record<string, Handler>;

/** A page at `/`, no icon, and these paths. */
const routed =
  (page: string, routes: Routes): RequestHandler =>
  (request) =>
    request.path === "/"
      ? html(`<!doctype html><link rel=icon href=data:,>${page}`)
      : (routes[request.path] ?? (() => text("nothing here", { status: 404 })))(request);

inChromium("HTTP in Chromium", (executablePath) => {
  const browser = sharedBrowser(executablePath);

  /** Opens the page of a server in a window of its own, and closes both again. */
  function onPage(handler: RequestHandler, body: (page: Page, url: string) => Promise<void>): Promise<void> {
    return run(() =>
      group(function* (): Coroutine<void> {
        const server = yield* serve({ host: "127.0.0.1", port: 0, handler, log });
        try {
          yield* until(
            (async () => {
              const context = await browser().newContext();
              const page = await context.newPage();
              try {
                await page.goto(server.url);
                await body(page, server.url);
              } finally {
                await context.close();
              }
            })(),
          );
          while (server.metrics().inFlight > 0) yield* sleep(1);
          expect(server.metrics()).toMatchObject({ malformed: 0 });
        } finally {
          server.stop({ within: 2000 });
        }
      }),
    );
  }

  test("a form with a field and files arrives as it was filled in", async () => {
    const big = randomBytes(1_500_000);
    const seen: unknown[] = [];
    function* upload(request: HttpRequest): Coroutine<HttpResponse> {
      const parts = multipart(request.body, request.headers.get("content-type"));
      for (;;) {
        const part = yield* parts.next();
        if (part === undefined) return redirect("/done", { status: 303 });
        if (part.filename === undefined) seen.push([part.name, yield* part.text()]);
        else seen.push([part.name, part.filename, part.type, sha(yield* part.bytes({ max: 1e7 }))]);
      }
    }
    const form = `<form method=post enctype=multipart/form-data action=/upload><input name=who><textarea name=what></textarea>
        <input type=file name=files multiple><button>Send</button></form>`;
    const routes = { "/upload": upload, "/done": () => html("<p id=done>thank you") };
    await onPage(routed(form, routes), async (page) => {
      await page.locator("[name=who]").fill('Zoë "Z" 😀');
      await page.locator("[name=what]").fill("one\ntwo\n--boundary\n");
      await page.locator("[name=files]").setInputFiles([
        { name: "big.bin", mimeType: "application/octet-stream", buffer: big },
        { name: "naïve name.txt", mimeType: "text/plain", buffer: Buffer.from("hello") },
        { name: "empty", mimeType: "", buffer: Buffer.alloc(0) },
      ]);
      await page.locator("button").click();
      await page.locator("#done").waitFor();
    });
    expect(seen).toEqual([
      ["who", 'Zoë "Z" 😀'],
      ["what", "one\r\ntwo\r\n--boundary\r\n"],
      ["files", "big.bin", "application/octet-stream", sha(big)],
      ["files", "naïve name.txt", "text/plain", sha(Buffer.from("hello"))],
      ["files", "empty", "application/octet-stream", sha(Buffer.alloc(0))],
    ]);
  });

  test("events go on where they broke off: the page comes back with the last id that it has heard", async () => {
    const lastIds: (string | undefined)[] = [];
    /** Three events for each connection, which then ends in one way or another; at ten it is told to stay away. */
    function events(request: HttpRequest): HttpResponse {
      const last = request.headers.get("last-event-id");
      lastIds.push(last);
      const from = Number(last ?? 0) + 1;
      if (from > 9) return empty();
      return sse(
        Flow.from(function* (emit: Emit<{ id: string; event: string; data: string; retry: number }>): Coroutine<void> {
          for (let n = from; n < from + 3; n++)
            yield* emit({ id: String(n), event: "count", data: `${n}\nof nine: ü`, retry: 10 });
          if (from === 4) throw new Error("broken on purpose");
        }),
      );
    }
    await onPage(routed("", { "/events": events }), async (page) => {
      const heard = await page.evaluate(
        () =>
          new Promise((resolve) => {
            const all: string[] = [];
            const source = new EventSource("/events");
            source.addEventListener("count", (event) => {
              const { lastEventId, data } = event as MessageEvent;
              all.push(`${lastEventId}: ${String(data)}`);
            });
            source.addEventListener("error", () => {
              if (source.readyState === EventSource.CLOSED) resolve(all);
            });
          }),
      );
      expect(heard).toEqual(Array.from({ length: 9 }, (_, i) => `${i + 1}: ${i + 1}\nof nine: ü`));
    });
    // An answer that breaks off may take with it what was on its way: then the page asks for it once more.
    expect([...new Set(lastIds)]).toEqual([undefined, "3", "6", "9"]);
  });

  test("a page that reads a stream gets each piece when it is sent, and ends it when it has enough", async () => {
    const told = new Gate();
    let over = false;
    const slow = (): HttpResponse =>
      stream(
        Flow.from(function* (emit: Emit<string>): Coroutine<void> {
          try {
            yield* emit("first");
            yield* told.wait();
            yield* emit("second");
            for (;;) yield* emit("x".repeat(10_000));
          } finally {
            over = true;
          }
        }),
        { headers: { "content-type": "text/plain; charset=utf-8" } },
      );
    const tell = (): HttpResponse => {
      told.open();
      return empty();
    };
    await onPage(routed("", { "/slow": slow, "/tell": tell }), async (page) => {
      const pieces = await page.evaluate(async () => {
        const reader = (await fetch("/slow")).body!.getReader();
        const decoder = new TextDecoder();
        const first = decoder.decode((await reader.read()).value);
        await fetch("/tell");
        let rest = "";
        while (rest.length < 1000) rest += decoder.decode((await reader.read()).value, { stream: true });
        await reader.cancel();
        return [first, rest.slice(0, 10)];
      });
      expect(pieces).toEqual(["first", "secondxxxx"]);
      await expect.poll(() => over).toBe(true);
    });
  });

  test("a page that gives a request up, or goes away, cancels what was done for it", async () => {
    let cancelled = 0;
    let begun = 0;
    function* never(): Coroutine<HttpResponse> {
      begun++;
      try {
        yield* sleep(1e8);
        return empty();
      } finally {
        cancelled++;
      }
    }
    await onPage(routed("", { "/never": never, "/ping": () => text("pong") }), async (page) => {
      await page.evaluate(() => {
        const controller = new AbortController();
        (globalThis as { give?: () => void }).give = () => controller.abort();
        fetch("/never", { signal: controller.signal }).catch(() => {});
      });
      await expect.poll(() => begun).toBe(1);
      await page.evaluate(() => (globalThis as unknown as { give: () => void }).give());
      await expect.poll(() => cancelled).toBe(1);
      await page.evaluate(() => void fetch("/never").catch(() => {}));
      await expect.poll(() => begun).toBe(2);
      await page.goto("about:blank");
      await expect.poll(() => cancelled).toBe(2);
    });
  });

  test("what it knows it does not ask for again; cookies and redirects; what is compressed", async () => {
    const asked: string[] = [];
    const words = "the same words again, and again\n".repeat(3000);
    const routes: Record<string, Handler> = {
      "/style": (request) => {
        asked.push(request.headers.get("if-none-match") ?? "whole");
        const headers = { etag: '"v1"', "cache-control": "no-cache" };
        return request.headers.get("if-none-match") === '"v1"'
          ? empty({ status: 304, headers })
          : text("a style", { headers });
      },
      "/in": () => redirect("/who", { headers: { "set-cookie": "who=ann; HttpOnly; Path=/" } }),
      "/who": (request) =>
        json({ cookie: request.headers.get("cookie"), coding: request.headers.get("accept-encoding") }),
      "/words": () => text(words),
      "/echo": (request) => stream(request.body),
    };
    await onPage(routed("", routes), async (page) => {
      const got = await page.evaluate(async () => {
        const read = async (path: string): Promise<string> => (await fetch(path)).text();
        const first = await read("/style");
        const second = await read("/style");
        const who = (await (await fetch("/in")).json()) as { cookie: string };
        const echo = await (await fetch("/echo", { method: "POST", body: new Blob(["ä".repeat(100_000)]) })).text();
        return { first, second, cookie: who.cookie, echo: echo === "ä".repeat(100_000) };
      });
      expect(got).toEqual({ first: "a style", second: "a style", cookie: "who=ann", echo: true });
    });
    expect(asked).toEqual(["whole", '"v1"']);
    const squeezed = compressed(() => html(`<!doctype html><link rel=icon href=data:,><pre>${words}`));
    await onPage(squeezed, async (page) => {
      expect(await page.locator("pre").textContent()).toBe(words);
      const coding = await page.evaluate(async () => (await fetch("/")).headers.get("content-encoding"));
      expect(["zstd", "br", "gzip"]).toContain(coding);
    });
  });

  test("a server that stops tells a page that is loading nothing wrong: what was begun comes whole", async () => {
    let begun = false;
    function* slowly(): Coroutine<HttpResponse> {
      begun = true;
      yield* sleep(200);
      return text("whole");
    }
    await run(() =>
      group(function* (): Coroutine<void> {
        const server = yield* serve({ host: "127.0.0.1", port: 0, handler: routed("", { "/slowly": slowly }) });
        yield* until(
          (async () => {
            const page = await browser().newPage();
            await page.goto(server.url);
            const asked = page.evaluate(async () => {
              const response = await fetch("/slowly");
              return [response.headers.get("connection") ?? "", await response.text()];
            });
            await expect.poll(() => begun).toBe(true);
            server.stop({ within: 5000 });
            expect((await asked)[1]).toBe("whole");
            await page.close();
          })(),
        );
        yield* server.ended();
      }),
    );
  });
});
