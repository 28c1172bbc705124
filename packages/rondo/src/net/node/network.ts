/**
 * The network as Node has it: sockets of `node:net`, datagrams of `node:dgram`, names of `node:dns`.
 *
 * What Node cannot do is said where it would be missed:
 * - It has no way to stop accepting: the connections that come are taken out of the system's queue at once. A paused door
 *   therefore closes what comes and counts it (the listener above pauses only when its own queue is full).
 * - Where there is no descriptor left, the layer below closes new connections without a word (libuv keeps one descriptor
 *   in reserve, to be able to take and close them). They cannot be counted; what can be done is to stay below the limit.
 */
import net from "node:net";
import type { Address, Transport } from "../transport.ts";
import type { Abandon, Endpoint, ListeningDoor, ListenerSink, ListenOptions, Network } from "../network.ts";
import { lookup, query } from "./names.ts";
import { readIntoRoom } from "./room.ts";
import { addressOf, NodeTransport } from "./transport.ts";
import { bind } from "./udp.ts";
import { UnixPath } from "./unix-path.ts";

function connect(
  to: Endpoint,
  options: { readonly localAddress?: string | undefined },
  done: (error: Error | null, transport: Transport | null) => void,
): Abandon {
  const socket = new net.Socket({ allowHalfOpen: true });
  let failure: Error | null = null;
  let open = true;
  const onConnect = (): void => {
    open = false;
    socket.off("error", onError).off("close", onClose);
    const known =
      "path" in to
        ? { kind: "unix", remote: unixAddress(to.path), local: unixAddress(""), ours: true }
        : { kind: "tcp", remote: addressOf(to.host, to.port), ours: true };
    readIntoRoom(socket);
    const transport = new NodeTransport(socket, known);
    // Asked for while it can be: no error can name it afterwards.
    void transport.localAddress;
    done(null, transport);
  };
  const onError = (error: Error): void => {
    failure = error;
  };
  // Told only now, when the descriptor has been given back.
  const onClose = (): void => {
    if (!open) return;
    open = false;
    done(failure ?? new Error("the socket was closed while it connected"), null);
  };
  socket.once("connect", onConnect).on("error", onError).once("close", onClose);
  socket.pause(); // or it would read as soon as it is connected
  try {
    if ("path" in to) socket.connect({ path: to.path });
    else {
      const { host, port } = to;
      const tcp = { host, port, localAddress: options.localAddress, noDelay: true };
      socket.connect(tcp as net.TcpNetConnectOpts);
    }
  } catch (error) {
    // An argument that Node does not take. It is told like any other failure, after the descriptor is back.
    socket.destroy(error as Error);
  }
  return () => {
    if (!open) return;
    open = false;
    socket.off("connect", onConnect);
    socket.destroy();
  };
}

function listen(
  at: Endpoint,
  options: ListenOptions,
  sink: ListenerSink,
  done: (error: Error | null, door: ListeningDoor | null) => void,
): Abandon {
  const door = new Door(at, sink);
  door.listen(options, done);
  return () => door.close();
}

/** A listening socket, and the file of one that listens at a path. */
class Door implements ListeningDoor {
  declare address: Address;
  private readonly server: net.Server;
  private readonly sink: ListenerSink;
  private readonly at: Endpoint;
  private file: UnixPath | null;
  private shut: boolean;

  constructor(at: Endpoint, sink: ListenerSink) {
    this.at = at;
    this.sink = sink;
    this.file = null;
    this.shut = false;
    this.address = "path" in at ? unixAddress(at.path) : addressOf(at.host, at.port);
    this.server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  }

  listen(options: ListenOptions, done: (error: Error | null, door: ListeningDoor | null) => void): void {
    const { server, at } = this;
    const fail = (error: Error): void => {
      if (this.shut) return;
      this.close();
      done(error, null);
    };
    server.once("error", fail);
    server.once("listening", () => {
      this.claim(options.replaceStale === true, (error) => {
        if (this.shut) return;
        if (error !== null) {
          fail(error);
          return;
        }
        server.off("error", fail);
        this.serve();
        done(null, this);
      });
    });
    const { backlog, reusePort, ipv6Only } = options;
    try {
      if ("path" in at) {
        if (UnixPath.isFile(at.path)) this.file = new UnixPath(at.path);
        server.listen({ path: this.file?.temporary ?? at.path, backlog });
      } else server.listen({ host: at.host === "" ? undefined : at.host, port: at.port, backlog, reusePort, ipv6Only });
    } catch (error) {
      // An argument that Node does not take; said later, like every other answer.
      process.nextTick(fail, error as Error);
    }
  }

  /** Gives the socket of a path its name; a name that is taken is looked into. */
  private claim(replace: boolean, done: (error: Error | null) => void): void {
    const { file } = this;
    if (file === null || this.shut) {
      done(null);
      return;
    }
    try {
      file.claim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
        done(error as Error);
        return;
      }
      file.stale(replace, (stale) => {
        if (stale && replace) this.claim(false, done);
        else done(taken(file.path, stale));
      });
      return;
    }
    done(null);
  }

  private serve(): void {
    const { server, sink } = this;
    const own = server.address();
    if (typeof own === "object" && own !== null) this.address = addressOf(own.address, own.port);
    const known =
      "path" in this.at
        ? { kind: "unix", local: this.address, remote: unixAddress(""), ours: true }
        : { kind: "tcp", local: this.address, ours: true };
    server.on("connection", (socket) => {
      readIntoRoom(socket);
      sink.accepted(new NodeTransport(socket, known));
    });
    server.on("drop", () => sink.dropped(1, null));
    // No descriptor, no memory: one connection is lost, the socket goes on listening.
    server.on("error", (error) => sink.dropped(1, error));
  }

  pause(): void {
    this.server.maxConnections = 0;
  }

  resume(): void {
    this.server.maxConnections = Infinity;
  }

  close(): void {
    if (this.shut) return;
    this.shut = true;
    // The file goes first: whoever finds it must not meet a socket that nobody listens to.
    this.file?.release();
    this.server.close();
    process.nextTick(() => this.sink.closed(null));
  }
}

/** In the shape of Node's own error for a port that is taken. */
function taken(path: string, stale: boolean): Error {
  const why = stale
    ? "nobody listens there, so it was left by a process that ended without removing it: remove it, or listen with { replaceStale: true }"
    : "it is in use, or it is no socket";
  return Object.assign(new Error(`listen EADDRINUSE: ${path} exists; ${why}`), {
    code: "EADDRINUSE",
    syscall: "listen",
    address: path,
  });
}

function unixAddress(path: string): Address {
  return { host: path, port: 0, family: "unix" };
}

/** The network of every host that brings none of its own. */
export const defaultNetwork: Network = { connect, listen, bind, lookup, query };
export { defaultTls } from "./tls.ts";
