// What the tests of HTTP have in common that need programs of others: nginx and haproxy, each in a temporary folder of its own
// and listening at a Unix socket there, so that no port is taken; curl; and a server of ours beside them.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectNode } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { type HttpServer, serve, type ServeOptions } from "@rondo/http";
import { type Coroutine, defer, group, type Group, type Operation, run, timeout, until } from "rondo";
import { type ByteStream, connectUnix } from "rondo/net";

import { leavesNothing } from "../../packages/rondo/tests/leaks.ts";
import { findProgram, Running } from "./servers.ts";

/** Why tests that need these programs are skipped, or undefined. */
export function lacking(...programs: readonly string[]): string | undefined {
  const missing = programs.filter((program) => findProgram(program) === undefined);
  return missing.length === 0 ? undefined : `no ${missing.join(", no ")} (Debian's packages have the same names)`;
}

/** Runs `body` beside a server of ours, stops it, and sees that nothing is left of either. */
export function besideServer(
  options: Omit<ServeOptions, "port" | "host">,
  body: (server: HttpServer, g: Group) => Operation<unknown>,
): Promise<void> {
  const where = options.unix === undefined ? { host: "127.0.0.1", port: 0 } : {};
  return leavesNothing(() =>
    run(() =>
      group(function* (g) {
        const server = yield* serve({ ...where, ...options });
        yield* body(server, g);
        server.stop({ within: 2000 });
        yield* server.ended();
      }),
    ),
  );
}

// ---- curl -----------------------------------------------------------------------------------------------------------

/** How curl ended, and what it said. */
export interface Curled {
  readonly status: number;
  readonly out: string;
  readonly bytes: Buffer;
  /** With `--verbose`: what was sent and received. */
  readonly err: string;
}

/** Runs curl, silent but for its errors, and gives what came of it. */
export function curl(...args: readonly string[]): Operation<Curled> {
  const settings = { encoding: "buffer", maxBuffer: 64 * 1024 * 1024 } as const;
  return until(
    new Promise<Curled>((resolve) => {
      execFile("curl", ["-sS", "--max-time", "20", ...args], settings, (error, out, err) => {
        const status = error === null ? 0 : Number(error.code);
        resolve({ status, out: out.toString(), bytes: out, err: err.toString() });
      });
    }),
  );
}

// ---- proxies --------------------------------------------------------------------------------------------------------

/** A server of somebody else. */
export interface Theirs {
  /** The path of its socket. */
  readonly path: string;
  /** The folder in which everything of it is. */
  readonly folder: string;
  /** What it has written so far. */
  said(): string;
}

/** Somebody listens there: waits for that, and throws where the process ends instead. */
function listening(path: string): (running: Running) => Promise<void> {
  return async (running) => {
    while (running.child.exitCode === null && running.child.signalCode === null) {
      const there = await new Promise<boolean>((resolve) => {
        const socket = connectNode(path, () => {
          socket.destroy();
          resolve(true);
        });
        socket.once("error", () => resolve(false));
      });
      if (there) return;
      await pause(5);
    }
    await running.ended;
  };
}

function* theirs(
  program: string,
  configure: (folder: string, path: string) => { readonly args: readonly string[]; readonly text: string },
): Coroutine<Theirs> {
  const folder = mkdtempSync(join(tmpdir(), `rondo-${program}-`));
  defer(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "front.sock");
  const { args, text } = configure(folder, path);
  writeFileSync(join(folder, "config"), text);
  const command = findProgram(program) as string;
  const running = yield* until(Running.start([command, ...args], undefined, listening(path)));
  defer(() => until(running.end("SIGKILL")));
  return { path, folder, said: () => running.said };
}

/** What is to stand in nginx's `http` block: `server` blocks, at the least one that listens at `path`. */
export type NginxBlocks = (path: string, folder: string) => string;

/** Starts nginx, in one process; it ends with the scope around. */
export function nginx(blocks: NginxBlocks): Coroutine<Theirs> {
  return theirs("nginx", (folder, path) => ({
    args: ["-p", folder, "-c", join(folder, "config"), "-e", "stderr"],
    // One process, so that there is nothing left of it when it is killed. Root is asked for another user than itself else.
    text: `
      ${process.getuid?.() === 0 ? "user root;" : ""}
      daemon off; master_process off; pid ${folder}/pid; error_log stderr notice;
      events { worker_connections 512; }
      http {
        access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
        fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
        types { text/plain txt; text/html html; application/json json; }
        ${blocks(`unix:${path}`, folder)}
      }`,
  }));
}

/** Starts haproxy with these sections behind `global` and `defaults`; it ends with the scope around. */
export function haproxy(sections: (path: string) => string): Coroutine<Theirs> {
  return theirs("haproxy", (folder, path) => ({
    args: ["-db", "-f", join(folder, "config")],
    text: `
global
  nbthread 1
  maxconn 500
  log stdout format raw daemon
defaults
  mode http
  log global
  log-format "%HM %HU %ST %tsc"
  timeout connect 5s
  timeout client 10s
  timeout server 3s
${sections(`unix@${path}`)}
`,
  }));
}

// ---- raw bytes ------------------------------------------------------------------------------------------------------

/** Sends these bytes to a socket, and gives all that comes until the other side closes, or falls silent for `silence` ms. */
export function* exchange(path: string, bytes: string | Uint8Array, silence = 2000): Coroutine<string> {
  const stream: ByteStream = yield* connectUnix(path);
  let all = "";
  const decoder = new TextDecoder("latin1");
  try {
    yield* stream.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    for (;;) {
      const piece = yield* timeout(silence, stream.read());
      if (piece === undefined) break;
      all += decoder.decode(piece);
    }
  } catch {
    // Reset, or silent: what has come until then is what there is.
  } finally {
    stream.abort();
  }
  return all;
}
