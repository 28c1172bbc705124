/**
 * What the tests of WebSockets share: sockets in memory and in virtual time, and a bare peer that says what no socket would.
 */
import { type Coroutine, group, type Group, run, VirtualHost } from "rondo";
import { type ByteStream, memoryPair } from "rondo/net";
import { frameOf } from "../src/websocket/frame-writer.ts";
import { WebSocket, type WebSocketOptions } from "../src/websocket/socket.ts";

export function inGroup<T>(body: (g: Group) => Coroutine<T>): Promise<T> {
  return run(() => group(body), { host: new VirtualHost() });
}

/** The same program on many schedules. */
export async function onManySchedules(body: (g: Group) => Coroutine<unknown>): Promise<void> {
  for (let seed = 0; seed < 15; seed++) {
    const host = new VirtualHost(seed === 0 ? {} : { seed });
    await run(() => group(body), { host }).catch((error: unknown) => {
      if (error instanceof Error) error.message += ` (seed ${seed})`;
      throw error;
    });
  }
}

let zero = 0;
/** Keys that everybody knows. */
export const random = (bytes: Uint8Array): void => void bytes.fill(zero++ & 255);

export function sockets(options: WebSocketOptions = {}, window?: number): [WebSocket, WebSocket] {
  const [one, other] = memoryPair({ window });
  return [
    new WebSocket(one, { role: "client", random, ...options }),
    new WebSocket(other, { role: "server", ...options }),
  ];
}

/** A server's socket, and the bare stream of its client. */
export function bareClient(options: WebSocketOptions = {}, window?: number): [ByteStream, WebSocket] {
  const [one, other] = memoryPair({ window });
  return [one, new WebSocket(other, { role: "server", ...options })];
}

export const TEXT = 1;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** A frame as an unmasked server, or a client whose mask is zero, sends it. */
export function frame(
  opcode: number,
  payload: string | Uint8Array = "",
  { fin = true, masked = true } = {},
): Uint8Array {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const written = frameOf(bytes, { opcode, fin, compressed: false }, null);
  const whole = written instanceof Uint8Array ? written : Buffer.concat(written as Uint8Array[]);
  if (!masked) return whole.slice();
  const head = whole.length - bytes.length;
  const result = Buffer.concat([whole.subarray(0, head), new Uint8Array(4), bytes]);
  result[1]! |= 0x80;
  return result;
}

export function closeFrame(code: number, reason = "", masked = true): Uint8Array {
  return frame(CLOSE, Buffer.concat([Uint8Array.of(code >> 8, code & 255), Buffer.from(reason)]), { masked });
}

/** The next frame of a server: `opcode: payload`. */
export function* nextFrame(stream: ByteStream): Coroutine<string | undefined> {
  const head = yield* stream.readExactly(2);
  if (head === undefined) return undefined;
  let size = head[1]! & 127;
  if (size === 126) {
    const more = (yield* stream.readExactly(2))!;
    size = (more[0]! << 8) | more[1]!;
  }
  const payload = size === 0 ? new Uint8Array(0) : (yield* stream.readExactly(size))!;
  const opcode = head[0]! & 15;
  if (opcode === CLOSE)
    return `${opcode}: ${payload.length === 0 ? "" : (payload[0]! << 8) | payload[1]!} ${Buffer.from(payload.subarray(2)).toString()}`;
  return `${opcode}: ${Buffer.from(payload).toString()}`;
}

export function* thrownBy(body: () => Coroutine<unknown>): Coroutine<unknown> {
  try {
    yield* body();
  } catch (error) {
    return error;
  }
  return undefined;
}
