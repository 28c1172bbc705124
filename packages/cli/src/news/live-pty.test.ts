// @module-tag long
// The real command on a real terminal, ended in every way there is. Node has no pseudo-terminal, Python has.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Terminal } from "../../tests/terminal.ts";

/**
 * Runs a command on a terminal of 70 columns and 20 rows, hands on what it writes, and does what it reads on its own
 * standard input, a line each: a signal's number, `key` and a character's code, or `size` and columns and rows. Says at
 * the end how it ended.
 */
const PTY = `
import fcntl, os, pty, select, signal, struct, sys, termios
def size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
size(fd, 70, 20)
rest = b""
sources = [fd, 0]
while True:
    ready, _, _ = select.select(sources, [], [])
    if 0 in ready:
        more = os.read(0, 4096)
        if more == b"": sources.remove(0)
        rest += more
        while b"\\n" in rest:
            line, rest = rest.split(b"\\n", 1)
            what, *numbers = line.decode().split()
            numbers = [int(n) for n in numbers]
            if what == "signal": os.kill(pid, numbers[0])
            elif what == "key": os.write(fd, bytes(numbers))
            elif what == "size": size(fd, *numbers); os.kill(pid, signal.SIGWINCH)
    if fd in ready:
        try: data = os.read(fd, 65536)
        except OSError: break
        if data == b"": break
        os.write(1, data)
_, status = os.waitpid(pid, 0)
os.write(2, (b"signal %d" % os.WTERMSIG(status)) if os.WIFSIGNALED(status) else (b"status %d" % os.WEXITSTATUS(status)))
`;

const python = ["python3", "python"].find(
  (name) => spawnSync(name, ["-c", "import pty, fcntl, termios"], { stdio: "ignore" }).status === 0,
);

/** The command on a terminal. */
class OnTerminal {
  readonly screen = new Terminal({ columns: 70, rows: 20 });
  text = "";
  readonly #child;
  readonly #ended;
  #result = "";
  #changed: () => void = () => {};

  constructor(script: readonly string[]) {
    this.#child = spawn(python as string, ["-c", PTY, process.execPath, ...script], { stdio: "pipe" });
    this.#ended = once(this.#child, "close");
    this.#child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      this.text += chunk;
      this.#changed();
    });
    this.#child.stderr.setEncoding("utf8").on("data", (chunk: string) => (this.#result += chunk));
  }

  do(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Waits until what was written contains this. */
  async shows(what: string | RegExp, from = 0): Promise<void> {
    const has = (): boolean => {
      const text = this.text.slice(from);
      return typeof what === "string" ? text.includes(what) : what.test(text);
    };
    while (!has()) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  /** How it ended. */
  async ends(): Promise<string> {
    await this.#ended;
    return this.#result;
  }
}

const SHOW = "\u001B[?25h";
const HIDE = "\u001B[?25l";
const main = join(import.meta.dirname, "..", "main.ts");
const node = ["--conditions=rondo-source", "--no-warnings"];

if (python === undefined || process.platform === "win32") {
  test("the command on a real terminal", ({ skip }) => {
    skip("no python3 with its module pty was found, and without it there is no terminal to be had");
  });
} else {
  describe("on a real terminal", () => {
    // One source answers, the other one never does.
    const server = createServer((request, response) => {
      if (request.url === "/feed") response.end("<rss version='2.0'><channel><title>Feed</title></channel></rss>");
    });
    let url = "";
    beforeAll(async () => {
      await once(server.listen(0, "127.0.0.1"), "listening");
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => {
      server.closeAllConnections();
      server.close();
    });
    const news = (timeout = "60s"): OnTerminal =>
      new OnTerminal([
        ...node,
        main,
        "news",
        "--no-db",
        "--allow-private",
        `${url}/feed`,
        `${url}/never`,
        "--timeout",
        timeout,
      ]);

    /** The cursor is shown, and was hidden before; nothing turns it off again, and wrapping is on. */
    const isRestored = (text: string): void => {
      expect(text).toContain(HIDE);
      expect(text.lastIndexOf(SHOW)).toBeGreaterThan(text.lastIndexOf(HIDE));
      expect(text.lastIndexOf("\u001B[?7h")).toBeGreaterThan(text.lastIndexOf("\u001B[?7l"));
      expect(text.lastIndexOf("\u001B[?2026l")).toBeGreaterThan(text.lastIndexOf("\u001B[?2026h"));
      expect(text).not.toContain("\u001B[?1049h");
    };

    test("a run that ends by itself shows its cursor and then its table", async () => {
      const command = news("1500ms");
      expect(await command.ends()).toBe("status 1");
      isRestored(command.text);
      expect(command.text.indexOf("SOURCE")).toBeGreaterThan(command.text.lastIndexOf(SHOW));
    });

    test("Ctrl-C takes the view away, prints what was done, and ends with status 130", async () => {
      const command = news();
      await command.shows("1 done");
      command.do("key 3");
      expect(await command.ends()).toBe("status 130");
      isRestored(command.text);
      expect(command.text).toContain("Interrupted.");
    });

    test.each([
      ["SIGTERM", 15],
      ["SIGHUP", 1],
    ])("%s ends it as if nobody listened, and the cursor is shown", async (_, number) => {
      const command = news();
      await command.shows("1 done");
      command.do(`signal ${number}`);
      expect(await command.ends()).toBe(`signal ${number}`);
      isRestored(command.text);
      expect(command.text.endsWith(SHOW)).toBe(true);
    });

    test("Ctrl-Z gives the terminal to the shell, and the view comes back with it", async () => {
      const command = news();
      await command.shows("1 done");
      command.do("key 26");
      await command.shows(SHOW);
      isRestored(command.text);
      const before = command.text.length;
      command.do("signal 18");
      await command.shows(HIDE, before);
      await command.shows(/running.*1 done/, before);
      command.do("key 3");
      expect(await command.ends()).toBe("status 130");
      isRestored(command.text);
    });

    test("a window that gets smaller is filled as it is then", async () => {
      const command = news();
      await command.shows("1 done");
      const before = command.text.length;
      command.do("size 20 5");
      await command.shows(/1\/2/, before);
      command.do("key 3");
      await command.ends();
      isRestored(command.text);
    });

    test("a watch says that it stops at the first Ctrl-C, and leaves a clean terminal at the second", async () => {
      const memory = mkdtempSync(join(tmpdir(), "rondo-watch-"));
      const urls = [`${url}/feed`, `${url}/never`];
      const command = new OnTerminal([
        ...node,
        main,
        "news",
        "watch",
        "--allow-private",
        "--db",
        join(memory, "db"),
        ...urls,
      ]);
      try {
        await command.shows("2 sources watched");
        await command.shows("1 done");
        command.do("key 3");
        await command.shows("stopping");
        const before = command.text.length;
        command.do("key 3");
        expect(await command.ends()).toBe("status 130");
        expect(command.text.indexOf(SHOW, before)).toBeGreaterThan(0);
        isRestored(command.text);
      } finally {
        rmSync(memory, { recursive: true });
      }
    });

    const beside = (body: string): string => `
      import { group, run, shield } from "rondo";
      import { showLive } from ${JSON.stringify(join(import.meta.dirname, "live.ts"))};
      import { paint } from ${JSON.stringify(join(import.meta.dirname, "..", "paint.ts"))};
      const progress = { total: 2, waiting: 1, running: 1, done: 0, failed: 0, backingOff: 0, bytes: 0, waited: 0 };
      const live = { run: { progress, running: [], outcomes: [] }, output: process.stderr, paint: paint(true), env: {}, terms: [] };
      ${body}`;
    const script = (body: string): OnTerminal =>
      new OnTerminal([...node, "--input-type=module-typescript", "-e", beside(body)]);

    test("an exception that nobody caught is printed on a terminal that is as it was", async () => {
      const command = script(`
        process.stdin.once("data", () => { throw new Error("out of the blue"); });
        await run(() => group(function* (g) { g.spawn(showLive(live)); }));`);
      await command.shows("1 running");
      command.do("key 10");
      expect(await command.ends()).toBe("status 1");
      isRestored(command.text);
      expect(command.text.indexOf("out of the blue")).toBeGreaterThan(command.text.lastIndexOf(SHOW));
    });

    test("a process that exits at once shows its cursor", async () => {
      const command = script(`
        process.stdin.once("data", () => process.exit(7));
        await run(() => group(function* (g) { g.spawn(showLive(live)); }));`);
      await command.shows("1 running");
      command.do("key 10");
      expect(await command.ends()).toBe("status 7");
      isRestored(command.text);
      expect(command.text.endsWith(SHOW)).toBe(true);
    });

    test("the second Ctrl-C ends a program that stays up after the first, and the cursor is shown", async () => {
      const command = script(`
        await run(() => group(function* (g) {
          g.spawn(shield(showLive(live)));
        }));`);
      await command.shows("1 running");
      command.do("key 3");
      await command.shows("^C");
      const before = command.text.length;
      await command.shows("running", before);
      command.do("key 3");
      expect(await command.ends()).toBe("signal 2");
      isRestored(command.text);
      expect(command.text.endsWith(SHOW)).toBe(true);
    });
  });
}
