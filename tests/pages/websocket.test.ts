// WebSockets between Chromium and our server: the chat of the examples on its page, and what a page sees of a socket.
import { type Coroutine, group, type Group, type Operation, run, until } from "rondo";
import { type HttpRequest, type RequestHandler, serve, text, upgrade, type WebSocket as Socket } from "@rondo/http";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { chat, Room } from "../../examples/websocket-chat/chat.ts";
import { inChromium, sharedBrowser } from "../browser/chromium.ts";

/** Runs `body` beside a server, and stops it. */
function beside(handler: RequestHandler, body: (url: string, g: Group) => Operation<unknown>): Promise<unknown> {
  return run(() =>
    group(function* (g): Coroutine<void> {
      const server = yield* serve({ host: "127.0.0.1", port: 0, handler });
      try {
        yield* body(server.url, g);
      } finally {
        server.stop({ within: 2000 });
      }
    }),
  );
}

/** The address of the socket beside a page. */
const socketOf = (url: string): string => `${url.replace("http", "ws")}/socket`;

inChromium("in Chromium", (executablePath) => {
  const browser = sharedBrowser(executablePath);

  async function open(url: string): Promise<Page> {
    const page = await browser().newPage();
    await page.goto(url);
    return page;
  }

  test("two windows of the chat hear each other, and are told when the server stops", async () => {
    const room = new Room();
    const pages: Page[] = [];
    const lines = (page: Page): Promise<string[]> => page.locator("#said li").allTextContents();
    const has = (page: Page, line: string): Promise<void> =>
      page.locator("#said li", { hasText: line }).first().waitFor();
    await beside(chat(room), (url) =>
      until(
        (async () => {
          const ann = await open(`${url}/?name=ann`);
          await has(ann, "ann has come");
          const bob = await open(`${url}/?name=bob`);
          pages.push(ann, bob);
          await has(ann, "bob has come");
          await ann.locator("input").fill("<b>hello</b> bob");
          await ann.locator("button").click();
          await has(bob, "ann: <b>hello</b> bob");
          await bob.locator("input").fill("hello ann");
          await bob.locator("input").press("Enter");
          await has(ann, "bob: hello ann");
          const carl = await open(`${url}/?name=carl`);
          await has(bob, "carl has come");
          await carl.close();
          await has(bob, "carl has left");
          expect(room.size).toBe(2);
        })(),
      ),
    );
    for (const page of pages) {
      await has(page, "The chat is over (1001)");
      expect(await page.locator("#said b").count()).toBe(0);
    }
    expect(await lines(pages[0]!)).toEqual([
      "ann has come",
      "bob has come",
      "ann: <b>hello</b> bob",
      "bob: hello ann",
      "carl has come",
      "carl has left",
      "The chat is over (1001).",
    ]);
    expect(room.size).toBe(0);
    for (const page of pages) await page.close();
  });

  function* echo(socket: Socket): Coroutine<void> {
    for (;;) {
      const message = yield* socket.receive();
      if (message === undefined) return;
      if (message === "close") yield* socket.close(4000, "as you wish");
      else if (message === "cut") socket.abort();
      else yield* socket.send(message);
    }
  }

  test.each([
    ["plain", false],
    ["compressed", { threshold: 0 }],
    ["compressed, each message anew", { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true }],
  ] as const)("messages of every sort come back, %s", async (name, deflate) => {
    const handler = (request: HttpRequest) =>
      request.path === "/" ? text("a page") : upgrade(request, echo, { deflate, maxMessage: 4_000_000 });
    await beside(handler, (url) =>
      until(
        (async () => {
          const page = await open(url);
          const seen = await page.evaluate(async (target) => {
            const socket = new WebSocket(target);
            socket.binaryType = "arraybuffer";
            const next = (type: string): Promise<any> =>
              new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));
            await next("open");
            const wrong: string[] = [];
            for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
              const word = "grün 😀 ";
              const message = word
                .repeat(Math.ceil(size / word.length))
                .slice(0, size)
                .toWellFormed();
              socket.send(message);
              if ((await next("message")).data !== message) wrong.push(`text of ${size}`);
              const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) & 255);
              socket.send(bytes);
              const got = new Uint8Array((await next("message")).data as ArrayBuffer);
              if (got.length !== size || got.some((byte, i) => byte !== bytes[i])) wrong.push(`bytes of ${size}`);
            }
            socket.send("close");
            const { code, reason, wasClean } = await next("close");
            return { wrong, extensions: socket.extensions, code, reason, wasClean };
          }, socketOf(url));
          expect(seen).toMatchObject({ wrong: [], code: 4000, reason: "as you wish", wasClean: true });
          expect(seen.extensions.startsWith("permessage-deflate")).toBe(name !== "plain");
          await page.close();
        })(),
      ),
    );
  });

  test("a connection that is cut is 1006 to the page; a page that goes away is 1001 or 1005 to the server", async () => {
    const ends: unknown[] = [];
    const handler = (request: HttpRequest) =>
      request.path === "/"
        ? text("a page")
        : upgrade(request, function* (socket) {
            try {
              yield* echo(socket);
            } finally {
              ends.push(socket.closed?.code);
            }
          });
    await beside(handler, (url) =>
      until(
        (async () => {
          const page = await open(url);
          const code = await page.evaluate(async (target) => {
            const socket = new WebSocket(target);
            await new Promise((resolve) => socket.addEventListener("open", resolve));
            socket.send("cut");
            return new Promise((resolve) => socket.addEventListener("close", (event) => resolve(event.code)));
          }, socketOf(url));
          expect(code).toBe(1006);
          await page.evaluate(async (target) => {
            const socket = new WebSocket(target);
            await new Promise((resolve) => socket.addEventListener("open", resolve));
          }, socketOf(url));
          await page.goto("about:blank");
          await expect.poll(() => ends.length).toBe(2);
          expect(ends[0]).toBe(1006);
          expect([1001, 1005]).toContain(ends[1]);
          await page.close();
        })(),
      ),
    );
  });

  test("a page of another host is refused", async () => {
    await beside(
      ((request: HttpRequest) => (request.path === "/" ? text("a page") : upgrade(request, echo))) as never,
      (url) =>
        until(
          (async () => {
            // The same server under another name is another origin.
            const page = await open(url.replace("127.0.0.1", "localhost"));
            const code = await page.evaluate(async (target) => {
              const socket = new WebSocket(target);
              return new Promise((resolve) => socket.addEventListener("close", (event) => resolve(event.code)));
            }, socketOf(url));
            expect(code).toBe(1006);
            await page.close();
          })(),
        ),
    );
  });
});
