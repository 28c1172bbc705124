/**
 * Every stream of Rondo through the exported suites. A maker more is a line more.
 */
import { execFileSync } from "node:child_process";
import { constants, mkdtempSync, openSync, rmdirSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { describe, test } from "vitest";
import { all, type Coroutine, type Operation, run, VirtualHost } from "../index.ts";
import { certificates, noOpenssl } from "../../tests/certificates.ts";
import { leavesNothing } from "../../tests/leaks.ts";
import { seeds } from "../../tests/virtual.ts";
import { halfCloseableChecks, type MakePair, type StreamCheckOptions, streamChecks } from "../testing/index.ts";
import {
  ByteStream,
  connect,
  connectUnix,
  listen,
  type Listener,
  listenUnix,
  memoryPair,
  type MemoryPairOptions,
  startTls,
} from "./index.ts";
import { NodeTransport } from "./node/transport.ts";

/** How the cases of one maker are run: on the real host, or in virtual time on some schedules. */
type Runner = (body: () => Operation<void>) => Promise<void>;

interface Maker {
  readonly name: string;
  readonly make: MakePair;
  readonly options?: StreamCheckOptions;
  /** Whether one direction can end before the other. */
  readonly halfCloses: boolean;
  readonly runner: Runner;
}

/** In virtual time, on every schedule. */
const onSchedules =
  (chosen: readonly (number | undefined)[]): Runner =>
  async (body) => {
    for (const seed of chosen) {
      try {
        await run(body, { host: new VirtualHost({ seed }) });
      } catch (error) {
        if (error instanceof Error) error.message += ` (seed ${seed ?? "none"})`;
        throw error;
      }
    }
  };

/** On the real host, where nothing may be left behind. */
const really: Runner = (body) => leavesNothing(() => run(body));

function over(
  listening: () => Operation<Listener>,
  connecting: (listener: Listener) => Operation<ByteStream>,
): MakePair {
  return function* () {
    const listener = yield* listening();
    try {
      const client = yield* connecting(listener);
      return [client, yield* listener.accept()];
    } finally {
      listener.close();
    }
  };
}

function tcp(host: string): MakePair {
  return over(
    () => listen({ host, port: 0 }),
    ({ address: { port } }) => connect({ host, port }),
  );
}

function* unix(): Coroutine<readonly [ByteStream, ByteStream]> {
  const folder = mkdtempSync(join(tmpdir(), "rondo-"));
  try {
    const path = join(folder, "socket");
    return yield* over(
      () => listenUnix(path),
      () => connectUnix(path),
    )() as Operation<readonly [ByteStream, ByteStream]>;
  } finally {
    // Empty: the socket has taken its file with it.
    rmdirSync(folder);
  }
}

/** Somebody else's streams: each a Duplex over two pipes of the system. */
function* pipes(): Coroutine<readonly [ByteStream, ByteStream]> {
  const [there, back] = [pipe(), pipe()];
  const [a, b] = [new Joined(back[0], there[1]), new Joined(there[0], back[1])];
  return [new ByteStream(new NodeTransport(a)), new ByteStream(new NodeTransport(b))];
}

/** Two pipes as one stream. (`Duplex.from` forgets to close them.) */
class Joined extends Duplex {
  private readonly from: net.Socket;
  private readonly to: net.Socket;

  constructor(from: net.Socket, to: net.Socket) {
    super({ allowHalfOpen: true });
    this.from = from;
    this.to = to;
    from.on("data", (chunk) => void (this.push(chunk) || from.pause()));
    from.on("end", () => this.push(null));
    for (const socket of [from, to]) socket.on("error", (error) => this.destroy(error));
  }
  override _read(): void {
    this.from.resume();
  }
  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.to.write(chunk, done);
  }
  override _final(done: () => void): void {
    this.to.end(done);
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    let open = 2;
    for (const socket of [this.from, this.to]) {
      if (socket.closed) open--;
      else socket.once("close", () => --open === 0 && done(error)).destroy();
    }
    if (open === 0) done(error);
  }
}

/** A pipe of the system: the end to read from, and the one to write to. */
function pipe(): [net.Socket, net.Socket] {
  const folder = mkdtempSync(join(tmpdir(), "rondo-"));
  try {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
    const readable = new net.Socket({ fd: openSync(path, O_RDONLY | O_NONBLOCK), readable: true, writable: false });
    const writable = new net.Socket({ fd: openSync(path, O_WRONLY | O_NONBLOCK), readable: false, writable: true });
    return [readable.pause(), writable];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function memory(options: MemoryPairOptions): MakePair {
  return function* () {
    return memoryPair(options);
  };
}

const makers: readonly Maker[] = [
  {
    name: "memory",
    make: memory({}),
    options: { clog: 300_000, payload: 20_000 },
    halfCloses: true,
    runner: onSchedules(seeds),
  },
  {
    name: "memory with a window of 100 bytes",
    make: memory({ window: 100 }),
    options: { clog: 3000, payload: 5000 },
    halfCloses: true,
    runner: onSchedules(seeds),
  },
  {
    name: "memory with a window of one byte",
    make: memory({ window: 1 }),
    options: { clog: 500, payload: 1000 },
    halfCloses: true,
    runner: onSchedules(seeds.slice(0, 6)),
  },
  { name: "TCP", make: tcp("127.0.0.1"), halfCloses: true, runner: really },
  { name: "a Unix socket", make: unix, options: { resets: false }, halfCloses: true, runner: really },
  { name: "a Duplex over pipes", make: pipes, options: { resets: false }, halfCloses: true, runner: really },
];

/** TLS on top of other pairs. */
function tls(make: MakePair): MakePair {
  return function* () {
    const { ca, server } = certificates();
    const [client, other] = (yield* make()) as readonly [ByteStream, ByteStream];
    return yield* all([
      () => startTls(client, { role: "client", ca, servername: "localhost" }),
      () => startTls(other, { role: "server", ...server }),
    ]);
  };
}

/** Without `openssl` there are no certificates. */
const secured: readonly Maker[] =
  noOpenssl === undefined
    ? [
        {
          name: "TLS over TCP",
          make: tls(tcp("127.0.0.1")),
          options: { clog: 12 * 1024 * 1024 },
          halfCloses: true,
          runner: really,
        },
        {
          name: "TLS over memory",
          make: tls(memory({})),
          options: { clog: 3_000_000 },
          halfCloses: true,
          runner: really,
        },
        {
          name: "TLS over TLS over memory with a window of 100 bytes",
          make: tls(tls(memory({ window: 100 }))),
          options: { clog: 300_000, payload: 10_000 },
          halfCloses: true,
          runner: really,
        },
      ]
    : [];
if (noOpenssl !== undefined) console.log(`TLS is not checked: ${noOpenssl}`);

for (const { name, make, options, halfCloses, runner } of [...makers, ...secured]) {
  describe(name, () => {
    const checks = [...streamChecks(make, options), ...(halfCloses ? halfCloseableChecks(make, options) : [])];
    test.each(checks)("$name", (check) => runner(() => check.run()));
  });
}
