// Servers and the load, as the workloads use them: processes that are started once, asked, and end with this one.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { interpreter } from "../python.ts";
import type { Answer, Order } from "./load.ts";

const script = fileURLToPath(new URL("server.ts", import.meta.url));
const python = fileURLToPath(new URL("../../python/servers.py", import.meta.url));

/** What the table calls a server, and how it is started. */
const commands: Readonly<Record<string, readonly string[]>> = {
  Rondo: [process.execPath, "--conditions=rondo-source", "--expose-gc", script, "rondo"],
  "read and write": [process.execPath, "--conditions=rondo-source", "--expose-gc", script, "rondo-read-write"],
  Node: [process.execPath, "--conditions=rondo-source", "--expose-gc", script, "node"],
  asyncio: [interpreter(), python, "asyncio"],
  uvloop: [interpreter(), python, "uvloop"],
};

/** A server in a process of its own. */
export class Server {
  readonly ports: readonly number[];
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, ports: readonly number[]) {
    this.#process = child;
    this.#lines = lines;
    this.ports = ports;
  }

  static start(contestant: string, work: string): Promise<Server> {
    return Server.run(contestant, [...(commands[contestant] ?? []), work]);
  }

  /** Starts a command that says its ports and answers questions. */
  static async run(
    contestant: string,
    [command = "", ...args]: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Server> {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...environment } });
    const gone = once(child, "exit").then(([status]) => {
      throw new Error(`the server of ${contestant} ended with status ${status}`);
    });
    gone.catch(() => undefined); // later it may end as it likes
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await Promise.race([gone, lines.next()]);
    if (first.done) return await gone;
    child.unref();
    return new Server(child, lines, (JSON.parse(first.value) as { ports: number[] }).ports);
  }

  /** Nanoseconds of processor time that it has used so far. */
  cpu(): Promise<number> {
    return this.#ask("cpu");
  }

  /** Bytes of it that are in memory. */
  memory(): Promise<number> {
    return this.#ask("memory");
  }

  stop(): void {
    this.#process.stdin?.end();
  }

  async #ask(question: string): Promise<number> {
    this.#process.stdin?.write(`${question}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error("the server has ended");
    return Number(line.value);
  }
}

/** The process that loads servers. */
export class Load {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(new URL("load.ts", import.meta.url), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#process.unref();
  }

  /** Has it do something; gives the latency where it measures one. */
  async order(order: Order): Promise<number | undefined> {
    const answered = once(this.#process, "message");
    this.#process.send(order);
    const [answer] = (await answered) as [Answer];
    if ("error" in answer) throw new Error(answer.error);
    return answer.p99;
  }
}

let load: Load | undefined;

/** The one of this process. */
export function theLoad(): Load {
  return (load ??= new Load());
}

const servers = new Map<string, Promise<Server>>();

/** The server of a contestant that does this work, started once. */
export function serverOf(contestant: string, work: string): Promise<Server> {
  const key = `${contestant} ${work}`;
  let server = servers.get(key);
  if (server === undefined) servers.set(key, (server = Server.start(contestant, work)));
  return server;
}
