// The other side of a server that is measured: a process that loads it, so that what the load costs is not counted.
//
// Told what to do by messages, one at a time, and answers each when it is done. Everything is bounded: so many messages
// over so many connections, and nothing goes on by itself. It ends with the process that started it.
import net from "node:net";

/** What the process is told to do. */
export type Order =
  /** Opens connections and keeps them, under a name. */
  | { readonly do: "open"; readonly name: string; readonly port: number; readonly connections: number }
  | { readonly do: "close"; readonly name: string }
  /** Sends messages over open connections, each as soon as one of the `inFlight` before it has come back. */
  | {
      readonly do: "echo";
      readonly name: string;
      readonly messages: number;
      readonly size: number;
      readonly inFlight: number;
    }
  /** Asks over each open connection once by HTTP, and waits for the answers. */
  | { readonly do: "request"; readonly name: string }
  /** Sends bytes to one port, and takes them from the other. */
  | { readonly do: "copy"; readonly from: number; readonly to: number; readonly bytes: number };

/** What it answers. `p99`: in how many ns 99 of 100 messages were back. */
export type Answer = { readonly done: true; readonly p99?: number } | { readonly error: string };

/** So many connections are opened at the same time: fewer than what servers let wait. */
const AT_ONCE = 100;

interface Connection {
  readonly socket: net.Socket;
  taken: (bytes: Buffer) => void;
}

const open = new Map<string, Connection[]>();
/** All sockets read into the same memory: what is read is looked at at once. */
const buffer = Buffer.allocUnsafe(256 * 1024);

function connect(port: number, number: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const connection: { socket?: net.Socket; taken: (bytes: Buffer) => void } = { taken: () => undefined };
    const socket = net.connect({
      host: "127.0.0.1",
      port,
      // On Linux all of 127.0.0.0/8 is this machine: so the ports for one address cannot run out.
      localAddress: process.platform === "linux" ? `127.0.0.${1 + (number % 8)}` : undefined,
      noDelay: true,
      allowHalfOpen: true,
      onread: {
        buffer,
        callback: (size: number, bytes: Buffer) => {
          connection.taken(bytes.subarray(0, size));
          return true;
        },
      },
    } as net.NetConnectOpts);
    connection.socket = socket;
    socket.once("connect", () => resolve(connection as Connection));
    socket.once("error", reject);
  });
}

async function openAll(name: string, port: number, connections: number): Promise<void> {
  const list: Connection[] = [];
  open.set(name, list);
  while (list.length < connections) {
    const some = Math.min(AT_ONCE, connections - list.length);
    list.push(...(await Promise.all(Array.from({ length: some }, (_, at) => connect(port, list.length + at)))));
  }
}

function echo(name: string, messages: number, size: number, inFlight: number): Promise<number> {
  const connections = open.get(name) ?? [];
  const payload = Buffer.alloc(size * inFlight, "rondo ");
  const letters = new Set(Buffer.from("rondo "));
  const took = new Float64Array(messages);
  let unsent = messages;
  let done = 0;
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(why));
    for (const connection of connections) {
      const { socket } = connection;
      /** When the messages under way were sent: a ring. */
      const sent = new Float64Array(inFlight);
      let first = 0;
      let underWay = 0;
      let received = 0;
      const send = (count: number): void => {
        const some = Math.min(count, unsent);
        if (some === 0) return;
        unsent -= some;
        const now = performance.now();
        for (let i = 0; i < some; i++) sent[(first + underWay + i) % inFlight] = now;
        underWay += some;
        socket.write(payload.subarray(0, some * size));
      };
      connection.taken = (bytes) => {
        if (!letters.has(bytes[0] as number) || !letters.has(bytes.at(-1) as number)) fail("other bytes came back");
        received += bytes.length;
        const whole = Math.floor(received / size);
        if (whole > underWay) fail("more came back than was sent");
        received -= whole * size;
        const now = performance.now();
        for (let i = 0; i < whole; i++) {
          took[done++] = now - (sent[first] as number);
          first = (first + 1) % inFlight;
        }
        underWay -= whole;
        if (done === messages) resolve(p99Of(took));
        else send(whole);
      };
      socket.once("close", () => fail("the server has closed a connection"));
      send(inFlight);
    }
  }).finally(() => {
    for (const { socket } of connections) socket.removeAllListeners("close");
  }) as Promise<number>;
}

/** `GET /` on each connection; what comes back has to be an answer. */
async function request(name: string): Promise<void> {
  await Promise.all(
    (open.get(name) ?? []).map(
      (connection) =>
        new Promise<void>((resolve, reject) => {
          connection.taken = (bytes) => {
            if (bytes.subarray(0, 15).toString() === "HTTP/1.1 200 OK") resolve();
            else reject(new Error("an answer was none"));
          };
          connection.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }),
    ),
  );
}

function p99Of(ms: Float64Array): number {
  return (ms.toSorted()[Math.floor(ms.length * 0.99)] ?? 0) * 1e6;
}

async function copy(from: number, to: number, bytes: number): Promise<void> {
  const [source, sink] = await Promise.all([connect(from, 0), connect(to, 0)]);
  const payload = Buffer.alloc(64 * 1024, "rondo ");
  await new Promise<void>((resolve, reject) => {
    let unsent = bytes;
    let received = 0;
    const send = (): void => {
      while (unsent > 0) {
        const some = Math.min(unsent, payload.length);
        unsent -= some;
        if (unsent === 0) source.socket.end(payload.subarray(0, some));
        else if (!source.socket.write(payload.subarray(0, some))) return;
      }
    };
    source.socket.on("drain", send);
    for (const { socket } of [source, sink]) socket.on("error", reject);
    sink.taken = (chunk) => void (received += chunk.length);
    sink.socket.once("end", () => {
      sink.socket.end();
      if (received === bytes) resolve();
      else reject(new Error(`${received} of ${bytes} bytes were copied`));
    });
    send();
  });
  source.socket.destroy();
  sink.socket.destroy();
}

async function obey(order: Order): Promise<Answer> {
  switch (order.do) {
    case "open":
      await openAll(order.name, order.port, order.connections);
      return { done: true };
    case "close":
      for (const { socket } of open.get(order.name) ?? []) socket.destroy();
      open.delete(order.name);
      return { done: true };
    case "echo":
      return { done: true, p99: await echo(order.name, order.messages, order.size, order.inFlight) };
    case "request":
      await request(order.name);
      return { done: true };
    case "copy":
      await copy(order.from, order.to, order.bytes);
      return { done: true };
  }
}

process.on("message", (order: Order) => {
  void obey(order)
    .catch((error: unknown): Answer => ({ error: error instanceof Error ? (error.stack ?? "") : String(error) }))
    .then((answer) => process.send?.(answer));
});
// The parent has gone.
process.on("disconnect", () => process.exit());
