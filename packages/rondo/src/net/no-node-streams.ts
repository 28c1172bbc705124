/** Where there is no Node there are no streams of Node, and whoever asks for one is told so. */
import type { ByteStream } from "./stream.ts";

export function fromNodeStream(): ByteStream {
  throw new Error("fromNodeStream() needs Node: there are no streams of Node here, use fromWebStream()");
}

export function toNodeStream(): never {
  throw new Error("toNodeStream() needs Node: there are no streams of Node here, use toWebStream()");
}
