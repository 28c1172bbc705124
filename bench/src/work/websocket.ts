// WebSockets: what a message to all costs the server for each of a thousand sockets that were idle, and what an echo costs.
// Rondo's server, and npm's `ws`, each in a process of its own; what is taken is that process's time.
import net from "node:net";
import { fileURLToPath } from "node:url";
import { Server } from "../net/peers.ts";
import type { Contestant, Workload } from "../workload.ts";

const script = fileURLToPath(new URL("../http/socket-server.ts", import.meta.url));
const SOCKETS = 1000;
/** Bytes in a message. */
const SIZE = 100;
/** The head of a frame of a server with so many bytes. */
const HEAD = 2;

/** A client that counts bytes and understands nothing. */
class Client {
  readonly socket: net.Socket;
  /** Bytes that are still to come. */
  due = 0;
  done: () => void = () => undefined;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.due -= bytes.length;
      if (this.due === 0) this.done();
    });
  }

  static open(port: number): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
      socket.on("error", reject);
      socket.once("data", (bytes: Buffer) => {
        if (bytes.subarray(0, 12).toString() === "HTTP/1.1 101") resolve(new Client(socket));
        else reject(new Error("the handshake has failed"));
      });
      const key = "dGhlIHNhbXBsZSBub25jZQ==";
      socket.write(
        `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
    });
  }

  /** Waits for so many bytes more. */
  expect(bytes: number): Promise<void> {
    this.due += bytes;
    return new Promise((resolve) => (this.done = resolve));
  }
}

/** A masked frame whose mask is zero. */
function frame(opcode: number): Buffer {
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | SIZE, 0, 0, 0, 0]), Buffer.alloc(SIZE, "rondo ")]);
}

const running = new Map<string, Promise<{ readonly server: Server; readonly clients: readonly Client[] }>>();

/** The server of a contestant with its thousand clients, the same ones each time. */
function crowd(name: string): Promise<{ readonly server: Server; readonly clients: readonly Client[] }> {
  let found = running.get(name);
  if (found === undefined) running.set(name, (found = gather(name)));
  return found;
}

async function gather(name: string): Promise<{ readonly server: Server; readonly clients: readonly Client[] }> {
  const command = [process.execPath, "--conditions=rondo-source", "--expose-gc", script, name.toLowerCase()];
  const server = await Server.run(name, command);
  const clients: Client[] = [];
  for (let i = 0; i < SOCKETS; i++) {
    const client = await Client.open(server.ports[0] as number);
    client.socket.unref();
    clients.push(client);
  }
  return { server, clients };
}

/** One of them says something, and all hear it. */
async function tellAll(clients: readonly Client[]): Promise<void> {
  const heard = clients.map((client) => client.expect(HEAD + SIZE));
  (clients[0] as Client).socket.write(frame(1));
  await Promise.all(heard);
}

/** One says something and hears it, so many times. */
async function echo(client: Client, times: number): Promise<void> {
  const message = frame(2);
  for (let i = 0; i < times; i++) {
    const heard = client.expect(HEAD + SIZE);
    client.socket.write(message);
    await heard;
  }
}

const ECHOING = 100;

function contestant(name: string, work: (clients: readonly Client[], amount: number) => Promise<unknown>): Contestant {
  return {
    name,
    async run(amount) {
      const { server, clients } = await crowd(name);
      const before = await server.cpu();
      await work(clients, amount);
      return (await server.cpu()) - before;
    },
  };
}

const both = ["Rondo", "ws"];

/** The unit is one socket that is told something. */
export const socketBroadcast: Workload = {
  name: "websocket-broadcast",
  title: `WebSocket: ${SOCKETS.toLocaleString("en")} idle sockets, a message to all; per socket`,
  table: "net",
  unit: "ns",
  amount: 20 * SOCKETS,
  contestants: both.map((name) =>
    contestant(name, async (clients, amount) => {
      for (let told = 0; told < amount; told += SOCKETS) await tellAll(clients);
    }),
  ),
};

/** The unit is one message, there and back. */
export const socketEcho: Workload = {
  name: "websocket-echo",
  title: `WebSocket: a message of ${SIZE} bytes and its echo, ${ECHOING} sockets at once`,
  table: "net",
  unit: "ns",
  amount: 20_000,
  contestants: both.map((name) =>
    contestant(name, (clients, amount) =>
      Promise.all(clients.slice(0, ECHOING).map((client) => echo(client, amount / ECHOING))),
    ),
  ),
};
