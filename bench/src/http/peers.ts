// HTTP servers as the workloads use them: processes that are started once, asked, and end with this one.
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Server } from "../net/peers.ts";
import { interpreter } from "../python.ts";

const script = fileURLToPath(new URL("server.ts", import.meta.url));
const python = fileURLToPath(new URL("../../python/web.py", import.meta.url));
const node = [process.execPath, "--conditions=rondo-source", "--expose-gc", script];

/** What the table calls a server, and how it is started. */
const commands: Readonly<Record<string, readonly string[]>> = {
  Rondo: [...node, "rondo"],
  Node: [...node, "node"],
  Fastify: [...node, "fastify"],
  Hono: [...node, "hono"],
  Bun: ["bun", script, "bun"],
  aiohttp: [interpreter(), python, "aiohttp"],
  Tornado: [interpreter(), python, "Tornado"],
};

export const httpServers: readonly string[] = Object.keys(commands);

/** A megabyte, to be downloaded. */
export const FILE_SIZE: number = 1_000_000;
let file: string | undefined;

function theFile(): string {
  if (file === undefined) {
    file = join(mkdtempSync(join(tmpdir(), "rondo-bench-")), "file.bin");
    writeFileSync(file, Buffer.alloc(FILE_SIZE, "rondo "));
  }
  return file;
}

/** What tells whether the machine has a contestant. */
const probes: Readonly<Record<string, readonly [program: string, args: readonly string[]]>> = {
  Bun: ["bun", ["--version"]],
  aiohttp: [interpreter(), ["-c", "import aiohttp"]],
  Tornado: [interpreter(), ["-c", "import tornado"]],
};

function answers(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false; // the machine has none
  }
}

const running = new Map<string, Promise<Server | undefined>>();

/** The server of a contestant, the same one each time; undefined where the machine has none. */
export function httpServer(name: string): Promise<Server | undefined> {
  let server = running.get(name);
  if (server === undefined) {
    server = start(name);
    running.set(name, server);
  }
  return server;
}

/** One of its own, to be stopped. */
export async function start(name: string): Promise<Server | undefined> {
  const command = commands[name] as readonly string[];
  const [program = "", asking] = probes[name] ?? [];
  if (program !== "" && !answers(program, asking ?? [])) return undefined;
  return Server.run(name, command, { BENCH_FILE: theFile() });
}
