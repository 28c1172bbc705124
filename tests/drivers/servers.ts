// Real servers for the tests that need some: PostgreSQL and Redis, each in a temporary folder of its own, on a Unix socket
// there, so that no port is taken and nothing of the machine's own is touched.
//
// PostgreSQL refuses to run as root; where the tests do, both run as another user.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** A server that runs, and can be made to crash. */
export interface Server {
  /** The folder of its socket. */
  readonly folder: string;
  /** Ends it as a crash would: nobody is told. */
  crash(): Promise<void>;
  /** After a crash. */
  restart(): Promise<void>;
  /** Ends it and removes everything that it has written. */
  remove(): Promise<void>;
}

/** What is missing, for the line that says why a test is skipped. */
export class Missing {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** As whom the servers run: `undefined` for whoever runs the tests, if that is not root. */
function otherUser(): { uid: number; gid: number } | undefined | Missing {
  if (process.getuid === undefined) return new Missing("no Unix");
  if (process.getuid() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8");
  for (const name of ["postgres", "redis", "nobody"]) {
    const found = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, "m").exec(users);
    if (found !== null) return { uid: Number(found[1]), gid: Number(found[2]) };
  }
  return new Missing("the tests run as root, and there is no other user as whom a server could");
}

/** Where a program is: beside the others of its package, on the path, or where programs for administrators are. */
export function findProgram(name: string): string | undefined {
  const versions = "/usr/lib/postgresql";
  const packaged = existsSync(versions)
    ? readdirSync(versions)
        .toSorted((a, b) => Number(b) - Number(a))
        .map((version) => join(versions, version, "bin"))
    : [];
  const folders = [...packaged, ...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A process of the server, from its start to its end. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  /** All that it has written, on both its outputs. */
  said = "";

  private constructor(command: string, args: readonly string[], as: { uid: number; gid: number } | undefined) {
    this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], cwd: "/", ...as });
    this.ended = new Promise((resolve) => void this.child.once("close", () => resolve()));
    process.once("exit", this.kill);
  }

  /** Starts it, and waits until it says `ready`, or until the promise of that name is kept. */
  static async start(
    [command, ...args]: readonly [string, ...string[]],
    as: { uid: number; gid: number } | undefined,
    ready: string | ((running: Running) => Promise<void>),
  ): Promise<Running> {
    const running = new Running(command, args, as);
    await new Promise<void>((resolve, reject) => {
      const listen = (chunk: string): void => {
        running.said += chunk;
        if (typeof ready === "string" && running.said.includes(ready)) resolve();
      };
      for (const stream of [running.child.stdout, running.child.stderr]) stream?.setEncoding("utf8").on("data", listen);
      running.child.once("error", reject);
      void running.ended.then(() => reject(new Error(`${command} ended before it was ready:\n${running.said}`)));
      if (typeof ready !== "string") ready(running).then(resolve, reject);
    });
    return running;
  }

  readonly kill = (): void => void this.child.kill("SIGKILL");

  async end(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    await this.ended;
    process.off("exit", this.kill);
  }
}

async function server(
  kind: string,
  as: { uid: number; gid: number } | undefined,
  prepare: (folder: string) => void,
  commandIn: (folder: string) => readonly [string, ...string[]],
  { ready, crash }: { readonly ready: string; readonly crash: NodeJS.Signals },
): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), `rondo-${kind}-`));
  chmodSync(folder, 0o700);
  if (as !== undefined) chownSync(folder, as.uid, as.gid);
  try {
    prepare(folder);
    const start = (): Promise<Running> => Running.start(commandIn(folder), as, ready);
    let running = await start();
    return {
      folder,
      crash: () => running.end(crash),
      async restart() {
        running = await start();
      },
      async remove() {
        await running.end("SIGKILL");
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Starts a PostgreSQL, or says what is missing. */
export async function startPostgres(): Promise<Server | Missing> {
  const [initdb, postgres] = [findProgram("initdb"), findProgram("postgres")];
  if (initdb === undefined || postgres === undefined) return new Missing("no PostgreSQL server (Debian: postgresql)");
  const as = otherUser();
  if (as instanceof Missing) return as;
  return await server(
    "postgres",
    as,
    (folder) => {
      const args = ["-D", join(folder, "data"), "-U", "rondo", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
      const made = spawnSync(initdb, args, { encoding: "utf8", cwd: "/", ...as });
      if (made.status !== 0) throw new Error(`initdb failed:\n${made.stdout}${made.stderr}`);
    },
    (folder) => [
      postgres,
      ...["-D", join(folder, "data"), "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"],
      ...["-c", "max_connections=20", "-c", "shared_buffers=1MB", "-c", "restart_after_crash=off"],
    ],
    // Without waiting for anybody, and without a checkpoint; unlike after SIGKILL its children go with it.
    { ready: "database system is ready to accept connections", crash: "SIGQUIT" },
  );
}

/** Starts a Redis, or says what is missing. */
export async function startRedis(): Promise<Server | Missing> {
  const program = findProgram("redis-server") ?? findProgram("valkey-server");
  if (program === undefined) return new Missing("no Redis server (Debian: redis-server)");
  const as = otherUser();
  if (as instanceof Missing) return as;
  return await server(
    "redis",
    as,
    () => undefined,
    (folder) => [
      program,
      ...["--port", "0", "--unixsocket", join(folder, "redis.sock"), "--dir", folder],
      ...["--save", "", "--appendonly", "no", "--daemonize", "no"],
    ],
    { ready: "eady to accept connections", crash: "SIGKILL" },
  );
}
