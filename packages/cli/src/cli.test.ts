import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Terminal } from "../tests/terminal.ts";
import { cli } from "./cli.ts";
import type { Output } from "./io.ts";

class Written implements Output {
  text = "";
  readonly isTTY = false;
  readonly columns = 100;

  write(text: string): void {
    this.text += text;
  }
}

// Nothing of this is to be remembered in the home of whoever runs the tests.
const home = mkdtempSync(join(tmpdir(), "rondo-"));
const env = { XDG_DATA_HOME: home, LOCALAPPDATA: home, HOME: home };
afterAll(() => rmSync(home, { recursive: true }));

async function rondo(...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const stdout = new Written();
  const stderr = new Written();
  const status = await cli(argv, { stdout, stderr, env });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

async function serve(handler: RequestListener): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const RSS =
  '<rss version="2.0"><channel><title>The Feed</title><language>en</language><item><title>Storm</title><description>A storm of storms</description></item></channel></rss>';
const routes: RequestListener = (request, response) => {
  if (request.url === "/feed") response.end(RSS);
  else if (request.url === "/page") response.end("<html lang=en><title>A page</title><p>nothing but storm");
  else if (request.url !== "/never") response.writeHead(404).end();
};

test("sources that can all be read give a table, bars, a summary and status 0", async () => {
  await using served = await serve(routes);
  const { status, stdout, stderr } = await rondo(
    "news",
    "--allow-private",
    `${served.url}/feed`,
    `${served.url}/page`,
    "--term",
    "storm",
    "--top",
    "3",
  );
  expect(status).toBe(0);
  expect(stdout).toMatch(/SOURCE +KIND +ARTICLES +WORDS +storm +TIME +SIZE/);
  expect(stdout).toMatch(/The Feed +rss +1 +5 +2 /);
  expect(stdout).toMatch(/Mentions\n storm +3 +█/);
  expect(stdout).toContain("Commonest words");
  expect(stdout).toMatch(/2 sources, .* of waiting in /);
  expect(stderr).toMatch(/^.*: The Feed: 1 article, .*$/m);
});

test("a source on this machine is not asked unless that is allowed, and the failure says how to allow it", async () => {
  let asked = 0;
  await using served = await serve((_request, response) => response.end(String(++asked)));
  const { status, stdout } = await rondo("news", `${served.url}/feed`);
  expect([status, asked]).toEqual([1, 0]);
  expect(stdout.replace(/\s+/g, " ")).toMatch(/is a loopback address, and those are not asked unless --allow-private/);
});

test("a source that fails is listed with its cause, and the status is 1", async () => {
  await using served = await serve(routes);
  const { status, stdout } = await rondo(
    "news",
    "--allow-private",
    `${served.url}/feed`,
    `${served.url}/gone`,
    "example.com",
  );
  expect(status).toBe(1);
  expect(stdout).toContain("The Feed");
  expect(stdout).toContain("2 failures");
  expect(stdout).toContain("answers HTTP 404 Not Found");
  expect(stdout).toContain("did you mean https://example.com ?");
});

test("--json prints one document to standard output and nothing anywhere else", { tags: ["long"] }, async () => {
  await using served = await serve(routes);
  const { status, stdout, stderr } = await rondo(
    "news",
    "--allow-private",
    `${served.url}/feed`,
    `${served.url}/never`,
    "nowhere",
    "--term",
    "storm",
    "--json",
    "--timeout",
    "1500ms",
  );
  expect(status).toBe(1);
  expect(stderr).toBe("");
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({
    version: 1,
    interrupted: false,
    terms: ["storm"],
    totals: {
      sources: 2,
      done: 1,
      failed: 1,
      unfinished: 0,
      articles: 1,
      words: 5,
      mentions: [{ term: "storm", count: 2 }],
    },
    sources: [
      { state: "done", kind: "rss", title: "The Feed", articles: 1, mentions: [2], cut: false },
      { state: "failed", failure: { kind: "timeout", message: "no answer within 1.5 s" } },
    ],
    problems: [{ input: "nowhere", failure: { kind: "url", message: '"nowhere" has no scheme' } }],
  });
  expect(document.elapsed).toBeTypeOf("number");
});

test("a list of sources is read from a file", async () => {
  await using served = await serve(routes);
  const folder = mkdtempSync(join(tmpdir(), "rondo-"));
  const list = join(folder, "list.txt");
  writeFileSync(list, `${served.url}/feed My feed\n${served.url}/page\n`);
  const { status, stdout } = await rondo("news", "--allow-private", "--feeds", list);
  rmSync(folder, { recursive: true });
  expect(status).toBe(0);
  expect(stdout).toContain("My feed");
});

test("on a terminal progress is drawn in place and taken away again", async () => {
  const stdout = new Written();
  const stderr = new Terminal({ columns: 100, rows: 30 });
  const seen = (): string => stderr.screen.join("\n");
  // The answer waits until progress has been seen to say that it is waited for.
  await using served = await serve((request, response) => {
    const timer = setInterval(() => {
      if (!seen().includes("1 running · 0 done")) return;
      clearInterval(timer);
      routes(request, response);
    }, 5);
  });
  await cli(["news", "--no-db", "--allow-private", `${served.url}/feed`], {
    stdout,
    stderr,
    env: { ...env, NO_COLOR: "1" },
  });
  expect([stderr.everything, stderr.cursorShown]).toEqual([[], true]);
  expect(stdout.text).toContain("The Feed");
});

test.each([
  [["news", "--tem", "x"], "rondo: there is no option --tem\n       did you mean --term?\n"],
  [["news", "example.com"], 'rondo: "example.com" has no scheme; did you mean https://example.com ?\n'],
  [["news", "--timeout", "soon"], "as in --timeout 15s"],
  [["nwes"], "did you mean rondo news?"],
  [["news", "tends"], 'rondo: there is no command "rondo news tends"\n       did you mean rondo news trends?\n'],
  [["news", "help", "tends"], "did you mean rondo news trends?"],
  [["news", "frobnicate"], "an address begins with https://"],
  [["news", "--json", "top"], "rondo: top has to come first\n       as in rondo news top …\n"],
  [["news", "trends"], "rondo: trends of what?"],
  [["news", "trends", "x", "--since", "7d"], "rondo news top and rondo news export have it"],
  [["news", "trends", "x", "--by", "sauce"], "did you mean --by source?"],
  [["news", "trends", "…"], "has no letter and no digit"],
  [["news", "top", "more"], 'rondo: rondo news top does not know what to do with "more"'],
  [["news", "top", "--since", "soon"], "as in --since 7d, 2w, yesterday or "],
  [["news", "rising", "--days", "0"], "--days takes a whole number from 1 to 366"],
  [["news", "export", "--format", "pdf"], "--format takes jsonl, csv, json or opml"],
  [["news", "export", "--json", "--format=csv"], "--json and --format say different things"],
  [["news", "export", "--term", "a", "--term", "b"], "export takes one --term"],
  [["news", "export", "--format", "opml", "--since", "7d"], "leave out --since and --term"],
  [["news", "add"], "rondo: add what?"],
  [["news", "remove"], "rondo: remove what?"],
  [["news", "import"], "rondo: import what?"],
  [["news", "import", "/no/such"], "/no/such does not exist\n       as in rondo news import subscriptions.opml\n"],
  [["news", "watch", "nowhere.example"], "did you mean https://nowhere.example ?"],
  [["constructor"], "rondo --help lists the commands"],
  [[], "Usage"],
])("wrong usage %j gives a message, a hint and status 2", async (argv, message) => {
  const { status, stdout, stderr } = await rondo(...argv);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(message);
});

test("wrong usage makes no memory", async () => {
  const fresh = mkdtempSync(join(tmpdir(), "rondo-"));
  const output = { write: (): void => undefined };
  for (const argv of [
    ["news", "https://"],
    ["news", "watch", "x.example"],
    ["news", "import", "/no/such"],
  ]) {
    expect(await cli(argv, { stdout: output, stderr: output, env: { ...env, XDG_DATA_HOME: fresh } })).toBe(2);
  }
  expect(readdirSync(fresh)).toEqual([]);
  rmSync(fresh, { recursive: true });
});

test.each(["trends", "top", "rising", "sources", "export", "add", "remove", "import", "check", "watch"])(
  "rondo news %s has a help of its own, which names all that it takes",
  async (word) => {
    const { status, stdout, stderr } = await rondo("news", word, "--help");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n")[0]).toMatch(new RegExp(`^rondo news ${word}: `));
    expect(stdout).toContain("--json");
    expect((await rondo("news", "help", word)).stdout).toBe(stdout);
    expect((await rondo("news", "--help")).stdout).toContain(`  rondo news ${word} `);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  },
);

test("help and version are results, with status 0", async () => {
  expect(await rondo("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("rondo news"), stderr: "" });
  expect(await rondo("news", "--help")).toMatchObject({
    status: 0,
    stdout: expect.stringContaining("--per-host"),
    stderr: "",
  });
  expect(await rondo("--version")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

/** The command as a process of its own. */
interface Started {
  child: ReturnType<typeof spawn>;
  said: () => string;
  ended: Promise<number | null>;
}

function start(...argv: string[]): Started {
  return startBy([], argv);
}

/** With options of Node's own. */
function startBy(options: readonly string[], argv: readonly string[]): Started {
  const main = join(import.meta.dirname, "main.ts");
  const child = spawn(process.execPath, [...options, "--conditions=rondo-source", main, ...argv], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout?.on("data", (chunk) => (text += chunk));
  child.stderr?.on("data", (chunk) => (text += chunk));
  return { child, said: () => text, ended: once(child, "close").then(([code]) => code as number | null) };
}

test.each([
  ["--help", 0],
  ["--version", 0],
  ["nws", 2],
])("rondo %s loads nothing that downloads", async (word, status) => {
  const hooks = `import { registerHooks } from "node:module";
    registerHooks({ load: (url, context, next) => { process.stderr.write(url + "\\n"); return next(url, context); } });`;
  const { said, ended } = startBy([`--import=data:text/javascript,${encodeURIComponent(hooks)}`], [word]);
  expect(await ended).toBe(status);
  expect(said()).toContain("/cli/src/cli.ts");
  expect(said()).not.toMatch(/packages.(crawl|http|rondo).|news.subcommands/);
});

test("Ctrl-C prints what was done and ends with status 130", { tags: ["long"] }, async () => {
  let asked: () => void;
  const second = new Promise<void>((resolve) => (asked = resolve));
  await using served = await serve((request, response) => {
    routes(request, response);
    if (request.url === "/never") asked();
  });
  // One at a time: when the second one is asked for, the first one is done.
  const { child, said, ended } = start(
    "news",
    "--allow-private",
    `${served.url}/feed`,
    `${served.url}/never`,
    "--concurrency",
    "1",
    "--timeout",
    "60s",
  );
  await second;
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  expect(said()).toContain("The Feed");
  expect(said()).toContain("Interrupted.");
  expect(said()).toContain("1 not finished");
});

test(
  "the demonstration downloads 258 pages at once and says how much waiting was overlapped",
  { tags: ["long"] },
  async () => {
    const { said, ended } = start("news", "--demo");
    expect(await ended).toBe(0);
    expect(said()).toContain("258 home pages, each from a server with a latency of its own");
    expect(said()).toMatch(/258 sources read · 258 articles · [\d,]+ words · \d+ MB/);
    expect(said()).toMatch(/258 sources, \d+ s of waiting in [\d.]+ s/);
  },
);
