// A page in headless Chromium that runs a module of ours, for the tests to ask questions of.
//
// The module is bundled for the browser exactly as an application's bundler would do it (the condition "browser" picks the
// host) and served from loopback with a few routes of its own to fetch, because a page from a file may fetch nothing.
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";

import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";

/** The Chromium to use: `RONDO_CHROMIUM`, or the first one found on the path; `undefined` if there is none. */
export function findChromium(): string | undefined {
  const named = process.env["RONDO_CHROMIUM"];
  if (named !== undefined && named !== "") return existsSync(named) ? named : undefined;
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"];
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const apps = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ];
  return [...names.flatMap((name) => folders.map((folder) => join(folder, name))), ...apps].find((path) =>
    existsSync(path),
  );
}

/** Tests in a Chromium, given its path; without one they say that they were skipped, and why. */
export function inChromium(name: string, tests: (executablePath: string) => void): void {
  const found = findChromium();
  if (found === undefined) {
    test(name, ({ skip }) => skip("no Chromium was found (install one, or name it in RONDO_CHROMIUM)"));
  } else {
    describe(name, { timeout: 60_000 }, () => tests(found));
  }
}

function launch(executablePath: string): Promise<Browser> {
  // The sandbox needs rights that a container often lacks; the pages are our own and talk to loopback alone.
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** One browser for the tests beside this call, begun before the first of them and closed after the last. */
export function sharedBrowser(executablePath: string): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await launch(executablePath);
  }, 60_000);
  afterAll(() => browser?.close());
  return () => browser as Browser;
}

/** A page that has loaded a module, and what it takes to put it away again. */
export interface Page {
  /** Calls the function that the module exports as `name` and gives what its promise gives (as JSON). */
  call(name: string): Promise<unknown>;
  /** What the page wrote to its console and threw outside of any call. */
  readonly said: readonly string[];
  close(): Promise<void>;
}

/** Bundles `entry` for a browser and gives the text: it imports nothing any more. */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2024",
    conditions: ["rondo-source"],
    logLevel: "silent",
  });
  return (outputFiles[0] as { text: string }).text;
}

function serve(script: string): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url === "/page.js") {
      response.setHeader("content-type", "text/javascript").end(script);
    } else if (request.url === "/") {
      response
        .setHeader("content-type", "text/html")
        .end("<!doctype html><title>rondo</title><link rel='icon' href='data:,'>");
    } else if (request.url === "/hello") {
      response.setHeader("content-type", "text/plain").end("hello");
    } else if (request.url !== "/never") {
      // "/never" is a server that takes the question and does not answer.
      response.writeHead(404).end();
    }
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

/** Opens a page that has loaded the module at `entry`. */
export async function openPage(entry: string, executablePath: string): Promise<Page> {
  const server = await serve(await bundle(entry));
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  try {
    browser = await launch(executablePath);
    const page = await browser.newPage();
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return {
      said,
      close,
      call: (name) => page.evaluate(`import("/page.js").then((page) => page[${JSON.stringify(name)}]())`),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
