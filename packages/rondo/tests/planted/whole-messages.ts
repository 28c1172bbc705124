/**
 * What one side wrote in one go is taken to arrive in one go. On a fast machine it does, for years; a stream of bytes has
 * promised nothing of the kind, and one day a message comes in two pieces, or two of them come in one.
 */
import { type Coroutine, sleep } from "../../src/index.ts";
import { type ByteStream, connect, listen, serve } from "../../src/net/index.ts";
import type { World } from "../../src/sim/index.ts";
import { finished, must, type Planted } from "./planted.ts";

const MESSAGES = 4;
const text = new TextDecoder();

/** Answers each message, and gives what it heard. */
type Server = (stream: ByteStream, heard: string[]) => Coroutine<void>;

function* byChunk(stream: ByteStream, heard: string[]): Coroutine<void> {
  for (let bytes = yield* stream.read(); bytes !== undefined; bytes = yield* stream.read()) {
    heard.push(text.decode(bytes).trimEnd());
    yield* stream.write("thanks\n");
  }
}

function* byLine(stream: ByteStream, heard: string[]): Coroutine<void> {
  const lines = stream.lines();
  for (let line = yield* lines.next(); line !== undefined; line = yield* lines.next()) {
    heard.push(line);
    yield* stream.write("thanks\n");
  }
}

function* program(world: World, answer: Server): Coroutine<void> {
  const heard: string[] = [];
  const server = world.node("server", function* () {
    yield* serve(yield* listen({ port: 80 }), (stream) => answer(stream, heard));
  });
  const client = world.node("client", function* () {
    yield* sleep(1); // the server listens
    const stream = yield* connect({ host: "server", port: 80 });
    const lines = stream.lines();
    for (let i = 0; i < MESSAGES; i++) {
      yield* stream.write(`message ${i}\n`);
      yield* lines.next();
    }
    yield* stream.close();
  });
  yield* finished(client);
  yield* server.stop();
  const said = Array.from({ length: MESSAGES }, (_, i) => `message ${i}`);
  must(heard.join() === said.join(), `heard: ${heard.join("|")}`);
}

export const wholeMessages: Planted = {
  name: "one read, one message",
  about: "a parser that works as long as messages arrive in one piece",
  on: "world",
  budget: 100,
  broken: (world) => program(world, byChunk),
  mended: (world) => program(world, byLine),
};
