/**
 * Datagrams over `node:dgram`.
 *
 * Node looks up the address of every datagram, also one that is an address already, which costs a tick: the lookup given
 * to it here answers at once with what it was asked. Names are resolved once, by the floor above.
 */
import dgram from "node:dgram";
import type { Address } from "../transport.ts";
import type { Abandon, DatagramDoor, DatagramSink } from "../network.ts";
import { addressOf } from "./transport.ts";

export function bind(
  at: { readonly host: string; readonly port: number; readonly reuseAddress?: boolean | undefined },
  sink: DatagramSink,
  done: (error: Error | null, door: DatagramDoor | null) => void,
): Abandon {
  const six = at.host.includes(":");
  const socket = dgram.createSocket({
    type: six ? "udp6" : "udp4",
    reuseAddr: at.reuseAddress === true,
    lookup: (host, _options, callback) => callback(null, host, six ? 6 : 4),
  });
  let open = true;
  const fail = (error: Error): void => {
    if (!open) return;
    open = false;
    socket.close();
    done(error, null);
  };
  socket.once("error", fail);
  try {
    socket.bind({ address: at.host === "" ? undefined : at.host, port: at.port, exclusive: true }, () => {
      if (!open) return;
      open = false;
      socket.off("error", fail);
      done(null, new Door(socket, six, sink));
    });
  } catch (error) {
    // An argument that Node does not take; said later, like every other answer.
    process.nextTick(fail, error as Error);
  }
  return () => {
    if (!open) return;
    open = false;
    socket.close();
  };
}

class Door implements DatagramDoor {
  readonly address: Address;
  private readonly socket: dgram.Socket;
  private readonly six: boolean;

  constructor(socket: dgram.Socket, six: boolean, sink: DatagramSink) {
    this.socket = socket;
    this.six = six;
    const { address, port } = socket.address();
    this.address = addressOf(address, port);
    socket.on("message", (data, from) => sink.received({ data, from: addressOf(from.address, from.port) }));
    socket.on("error", (error) => sink.failed(error));
    socket.on("close", () => sink.closed(null));
  }

  send(data: Uint8Array, to: Address | undefined, done: (error: Error | null) => void): void {
    if (to === undefined) this.socket.send(data, done);
    else this.socket.send(data, to.port, this.native(to.host), done);
  }

  connect(to: Address, done: (error: Error | null) => void): void {
    this.socket.connect(to.port, this.native(to.host), ((error?: Error) => done(error ?? null)) as () => void);
  }

  disconnect(): void {
    this.socket.disconnect();
  }

  join(group: string, via: string | undefined): void {
    this.socket.addMembership(group, via);
  }

  leave(group: string, via: string | undefined): void {
    this.socket.dropMembership(group, via);
  }

  configure(options: Parameters<DatagramDoor["configure"]>[0]): void {
    const { socket } = this;
    const { broadcast, ttl, multicastTtl, loopback, multicastInterface } = options;
    if (broadcast !== undefined) socket.setBroadcast(broadcast);
    if (ttl !== undefined) socket.setTTL(ttl);
    if (multicastTtl !== undefined) socket.setMulticastTTL(multicastTtl);
    if (loopback !== undefined) socket.setMulticastLoopback(loopback);
    if (multicastInterface !== undefined) socket.setMulticastInterface(multicastInterface);
  }

  close(): void {
    this.socket.close();
  }

  /** A socket of IPv6 reaches IPv4 by mapped addresses. */
  private native(host: string): string {
    return this.six && !host.includes(":") ? `::ffff:${host}` : host;
  }
}
