/** Streams: whatever is cancelled, sliced, held up or cut off, what is read is what was written, in order and whole. */
import { BrokenError, ClosedError, type Coroutine, group, type Operation, sleep, type Task } from "../../src/index.ts";
import { type ByteStream, connect, IncompleteError, listen, memoryPair, startTls } from "../../src/net/index.ts";
import { simCertificate, type World } from "../../src/sim/index.ts";
import { Actor } from "./actors.ts";
import type { Programs } from "./campaign.ts";

const identity = simCertificate("server");

/** What one side has said, and what the other has heard of it. */
class Talk {
  /** Messages that were written, for certain. */
  readonly said = new Set<string>();
  /** Those that were cut short: nobody knows how much of them went. */
  readonly perhaps = new Set<string>();
  readonly bytes: number[] = [];
  /** Somebody was told that the connection is broken: not all has to arrive then. */
  broken = false;
  /** The end was read. */
  ended = false;

  /** The messages among the bytes; the last one may be in pieces, where it was cut short. */
  heard(world: World): string[] {
    const messages: string[] = [];
    const { bytes } = this;
    for (let at = 0; at < bytes.length;) {
      const [writer = 0, count = 0, size = 0] = bytes.slice(at, at + 3);
      if (at + 3 + size > bytes.length) {
        world.always("a message in pieces is one that was cut short", this.broken || this.perhaps.size > 0);
        break;
      }
      for (let i = 0; i < size; i++) {
        const byte = bytes[at + 3 + i];
        if (byte !== content(writer, count, i))
          world.unreachable("a byte that nobody wrote", `${byte} at ${at + 3 + i}`);
      }
      messages.push(`${writer}.${count}`);
      at += 3 + size;
    }
    return messages;
  }

  /** What must hold when all is over. */
  check(world: World): void {
    const heard = this.heard(world);
    const last = new Map<string, number>();
    for (const message of heard) {
      const [writer = "", count = ""] = message.split(".");
      world.always("messages of one writer are in order", (last.get(writer) ?? -1) < Number(count), heard.join(" "));
      last.set(writer, Number(count));
      world.always("only what was written is read", this.said.has(message) || this.perhaps.has(message), message);
    }
    if (this.broken || this.perhaps.size > 0 || !this.ended) return;
    world.always(
      "all that was written is read",
      heard.length === this.said.size,
      `${heard.length} of ${this.said.size}`,
    );
  }
}

const content = (writer: number, count: number, i: number): number => (writer * 31 + count * 7 + i) & 255;

function* speak(world: World, stream: ByteStream, talk: Talk): Coroutine<void> {
  yield* group(function* (g) {
    const writers: Task[] = [];
    for (let writer = 0, most = world.integer(1, 3, "writers"); writer < most; writer++) {
      const actor = new Actor(world, g, writer, undefined);
      writers.push(
        g.spawn(function* () {
          for (let count = 0, messages = world.integer(1, 4, "messages"); count < messages; count++) {
            const size = world.choose(world.choose(4, "long") === 3 ? 200 : 20, "size");
            const message = Uint8Array.from([
              writer,
              count,
              size,
              ...Array.from({ length: size }, (_, i) => content(writer, count, i)),
            ]);
            const id = `${writer}.${count}`;
            let done = false;
            try {
              done =
                (yield* actor.within(function* () {
                  yield* stream.write(message);
                  return true;
                })) !== undefined;
            } catch (error) {
              if (!(error instanceof BrokenError)) throw error;
              talk.broken = talk.perhaps.size === 0 || talk.broken;
              talk.perhaps.add(id);
              return;
            }
            if (done) talk.said.add(id);
            else if (stream.statistics().broken) talk.perhaps.add(id);
            yield* actor.pause();
          }
        }),
      );
    }
    for (const writer of writers) yield* writer.ended();
  });
  try {
    yield* stream.end();
  } catch (error) {
    if (!(error instanceof BrokenError)) throw error;
    talk.broken = true;
  }
}

function* hear(world: World, stream: ByteStream, talk: Talk): Coroutine<void> {
  yield* group(function* (g) {
    const actor = new Actor(world, g, 9, undefined);
    try {
      while (!talk.ended) {
        const size = world.integer(1, 60, "read");
        const manner = world.choose(4, "how");
        const got = yield* actor.within(function* (): Coroutine<Uint8Array | undefined | null> {
          if (manner === 2) {
            const mine = new Uint8Array(size);
            const count = yield* stream.readInto(mine);
            return count === undefined ? null : mine.subarray(0, count);
          }
          if (manner === 1) {
            try {
              return (yield* stream.readExactly(size)) ?? null;
            } catch (error) {
              if (!(error instanceof IncompleteError)) throw error;
              world.always("what is missing is missing", error.received < size);
            }
          }
          return (yield* stream.read(size)) ?? null;
        });
        if (got === undefined) world.sometimes("a read is given up");
        else if (got.value === null) talk.ended = true;
        else if (manner === 3 && world.choose(4, "unread") === 3) stream.unread(got.value!.slice());
        else talk.bytes.push(...got.value!);
        yield* actor.pause(1);
      }
      world.always("the end is the end", (yield* stream.read()) === undefined);
    } catch (error) {
      // Aborted by its own side, in the middle of a read, or broken by the other one.
      if (!(error instanceof BrokenError || error instanceof ClosedError)) throw error;
      talk.broken = true;
    }
  });
}

/** One side of a conversation: it says and hears at the same time, and closes when both are over. */
function* converse(world: World, stream: ByteStream, says: Talk, hears: Talk): Coroutine<void> {
  yield* group(function* (g) {
    g.spawn(
      function* () {
        yield* speak(world, stream, says);
        // A message is in pieces, so the end cannot be said: the peer must not wait for it.
        if (stream.statistics().broken) stream.abort();
      },
      { name: "speaks" },
    );
    g.spawn(hear(world, stream, hears), { name: "hears" });
  });
  yield* stream.close();
}

function* inMemory(world: World): Coroutine<void> {
  const [one, other] = memoryPair({ window: world.pick([50, 1, 7, 65_536]) });
  const [there, back] = [new Talk(), new Talk()];
  yield* group(function* (g) {
    g.spawn(converse(world, one, there, back));
    g.spawn(converse(world, other, back, there));
  });
  world.always("both are closed", one.statistics().state === "closed" && other.statistics().state === "closed");
  for (const talk of [there, back]) talk.check(world);
}

function* overTcp(world: World): Coroutine<void> {
  const [there, back] = [new Talk(), new Talk()];
  const server = world.node("server", function* () {
    const listener = yield* listen({ host: "0.0.0.0", port: 80 });
    const stream = yield* listener.accept();
    listener.close();
    yield* converse(world, stream, back, there);
  });
  const client = world.node("client", function* () {
    yield* sleep(1);
    const stream = yield* connect({ host: "server", port: 80 });
    yield* converse(world, stream, there, back);
  });
  yield* group(function* (g) {
    g.spawn(
      function* () {
        for (let troubles = world.choose(4, "troubles"); troubles > 0; troubles--) {
          yield* sleep(world.integer(0, 40, "pause"));
          const oneWay = world.chance(0.5);
          if (world.chance(0.5)) {
            world.network.cut(client, server, { oneWay });
            yield* sleep(world.integer(1, 400, "cut for"));
            world.network.heal(client, server);
          } else {
            world.network.clog(client, server, { oneWay });
            yield* sleep(world.integer(1, 400, "clogged for"));
            world.network.unclog(client, server);
          }
        }
      },
      { daemon: true },
    );
    yield* client.ended();
    yield* server.ended();
  });
  world.sometimes("something has to be sent again", world.network.statistics().retransmitted > 0);
  world.always("TCP breaks nothing that lasts less than a second", !(there.broken && there.perhaps.size === 0));
  for (const talk of [there, back]) talk.check(world);
}

/** The same behind TLS, on two streams in memory. */
function* behindTls(world: World): Coroutine<void> {
  const [there, back] = [new Talk(), new Talk()];
  const [one, other] = memoryPair({ window: world.pick([5000, 50, 7]) });
  yield* group(function* (g) {
    g.spawn(function* () {
      const stream = yield* startTls(one, { role: "client", ca: identity.ca, servername: "server" });
      yield* converse(world, stream, there, back);
    });
    g.spawn(function* () {
      const stream = yield* startTls(other, { role: "server", cert: identity.cert, key: identity.key });
      yield* converse(world, stream, back, there);
    });
  });
  for (const talk of [there, back]) talk.check(world);
}

/** Lines are lines, whoever gives up waiting for one, alone or in batches, and in turns with other reads. */
function* inLines(world: World): Coroutine<void> {
  const [writer, reader] = memoryPair({ window: world.pick([20, 1, 5, 1000]) });
  const written: string[] = [];
  const read: string[] = [];
  yield* group(function* (g) {
    g.spawn(function* () {
      for (let n = world.integer(1, 8, "lines"); n > 0; n--) {
        const text = "abcdefghijklmnopqrstuvwxyz".slice(0, world.choose(27, "length"));
        written.push(text);
        yield* writer.write(text + world.pick(["\n", "\r\n"]));
        if (world.choose(3, "pause") === 2) yield* sleep(1);
      }
      yield* writer.close();
    });
    const actor = new Actor(world, g, 0, undefined);
    const lines = reader.lines();
    const decoder = new TextDecoder();
    for (let over = false; !over; yield* actor.pause(1)) {
      switch (world.choose(4, "how")) {
        case 2: {
          const batch = yield* actor.within(() => drained(lines.batch(3)));
          if (batch === undefined) break;
          if (batch.value === undefined) over = true;
          else read.push(...batch.value);
          break;
        }
        case 3: {
          // Not through the lines at all: they take what they give and no more.
          const raw = yield* actor.within(() => drained(reader.readUntil("\n")));
          if (raw === undefined) break;
          if (raw.value === undefined) over = true;
          else read.push(decoder.decode(raw.value).replace(/\r?\n$/, ""));
          break;
        }
        default: {
          const line = yield* actor.within(() => drained(lines.next()));
          if (line === undefined) break;
          if (line.value === undefined) over = true;
          else read.push(line.value);
        }
      }
    }
    yield* reader.close();
  });
  world.always(
    "the lines are those that were written",
    read.join() === written.join(),
    `${read.join()} / ${written.join()}`,
  );
}

function* drained<T>(operation: Operation<T>): Coroutine<T> {
  return yield* operation;
}

/** One computer crashes in the middle: what was read until then is a beginning of what was written. */
function* cutOff(world: World): Coroutine<void> {
  const [there, back] = [new Talk(), new Talk()];
  const late = { answered: false };
  const server = world.node("server", function* () {
    using listener = yield* listen({ host: "0.0.0.0", port: 80 });
    for (;;) {
      const stream: ByteStream = yield* listener.accept();
      if (late.answered) stream.abort();
      else {
        late.answered = true;
        try {
          yield* converse(world, stream, back, there);
        } finally {
          stream.abort();
        }
      }
    }
  });
  const client = world.node(
    "client",
    function* () {
      yield* sleep(1);
      const stream = yield* connect({ host: "server", port: 80 });
      try {
        yield* converse(world, stream, there, back);
      } finally {
        stream.abort();
      }
    },
    { onFailure: "keep" },
  );
  yield* sleep(world.integer(2, 60, "crash at"));
  if (client.up && server.up) {
    server.crash();
    world.sometimes("a peer crashes in the middle of a conversation");
    if (world.chance(0.5)) server.restart();
  }
  // Whoever talks to a crashed peer hears nothing until it asks again; in the end it is told, or gives up.
  yield* sleep(1000);
  if (client.up) yield* client.stop();
  for (const talk of [there, back]) {
    talk.broken = true;
    talk.check(world);
  }
}

/** Who closes, aborts or breaks a stream on one side while the other works with it: everybody is told, and nothing hangs. */
function* torn(world: World): Coroutine<void> {
  const [one, other] = memoryPair({ window: world.pick([5, 1, 100]) });
  const patience = world.integer(0, 10, "closed after");
  yield* group(function* (g) {
    for (const stream of [one, other]) {
      g.spawn(function* () {
        const [says, hears] = [new Talk(), new Talk()];
        try {
          yield* converse(world, stream, says, hears);
        } catch (error) {
          // Of the side that closed it itself, under its own tasks.
          if (!(error instanceof ClosedError)) throw error;
        }
      });
    }
    g.spawn(function* () {
      yield* sleep(patience);
      const stream = world.pick([one, other]);
      if (world.chance(0.5)) stream.abort();
      else yield* stream.close();
    });
  });
  // Whoever aborts does not wait until the transport has said that it is gone.
  yield* sleep(1);
  for (const stream of [one, other]) {
    const { state, reading, writing } = stream.statistics();
    world.always("both ends are closed and left", state === "closed" && !reading && writing === 0, state);
  }
}

export const streams: Programs = {
  "a stream in memory gives what was written, whatever is cancelled": inMemory,
  "a stream over TCP gives what was written, whatever the network does": overTcp,
  "a stream behind TLS gives what was written, whatever is cancelled": behindTls,
  "lines are lines, whoever gives up waiting for one": inLines,
  "a stream whose peer crashes gives a beginning of what was written": cutOff,
  "a stream that is closed under those who use it tells them all": torn,
};
