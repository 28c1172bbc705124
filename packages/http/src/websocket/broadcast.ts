/**
 * One message to many sockets: framed once, and the same bytes written to all of them.
 *
 * Nobody is waited for. One peer that does not read would hold up the others, or cost memory for each message that it has
 * not taken; so whoever has no room is named instead, and the caller decides: leave the message out, or the peer.
 */
import type { Writable } from "rondo/net";
import { checkMessage } from "./sender.ts";
import type { WebSocket } from "./socket.ts";

/** What became of a broadcast. */
export interface BroadcastResult {
  /** How many sockets it was handed to. */
  readonly sent: number;
  /** Those that are open, and have not taken what was sent before. It was not sent to them. */
  readonly slow: readonly WebSocket[];
}

const NOBODY: readonly WebSocket[] = [];

/**
 * Sends a message to all of these sockets at once, and names those that have no room for it. Sockets that are closed are
 * left out. For servers; of a client's sockets each is sent a frame of its own, because each has to mask. It is never
 * compressed: that would have to be done for each. Not a switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { memoryPair } from "rondo/net";
 * import { broadcast, WebSocket } from "@rondo/http";
 *
 * await run(function* () {
 *   const pairs = [1, 2, 3].map(() => memoryPair());
 *   const clients = pairs.map(([end]) => new WebSocket(end, { role: "client" }));
 *   const sockets = new Set(pairs.map(([, end]) => new WebSocket(end, { role: "server" })));
 *   const { sent, slow } = broadcast(sockets, "news");
 *   for (const socket of slow) socket.abort();
 *   console.log(sent, yield* clients[2]!.receive()); // prints: 3 news
 *   for (const socket of [...clients, ...sockets]) socket.abort();
 * });
 * ```
 */
export function broadcast(sockets: Iterable<WebSocket>, data: string | Uint8Array): BroadcastResult {
  checkMessage(data, "broadcast()");
  let frame: Writable | undefined;
  let slow: WebSocket[] | undefined;
  let sent = 0;
  for (const socket of sockets) {
    if (!socket.open) continue;
    // A client's frame has a key of its own, and is made for it.
    const own = socket._protocol.sender.keys !== null;
    const bytes = own ? socket._protocol.sender.frame(data) : (frame ??= socket._protocol.sender.frame(data));
    if (socket._tryFrame(bytes)) sent++;
    else if (socket.open) (slow ??= []).push(socket);
  }
  return { sent, slow: slow ?? NOBODY };
}
