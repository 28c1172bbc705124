// A job queue as people write it: a broker that hands jobs out, three workers that do them, two clients that send them and
// wait for the answers, all over streams and lines. What a campaign runs thousands of times.
import { Channel, type Coroutine, Deferred, group, sleep } from "rondo";
import { type ByteStream, connect, listen, serve } from "rondo/net";
import type { World } from "rondo/sim";

const WORKERS = 3;
const CLIENTS = 2;
const JOBS = 5;

interface Job {
  readonly text: string;
  readonly done: Deferred<string>;
}

/** The first word of a connection says whose it is. */
function* broker(): Coroutine<void> {
  const jobs = new Channel<Job>(16);
  yield* serve(yield* listen({ port: 4000 }), function* (stream) {
    const lines = stream.lines();
    const who = yield* lines.next();
    if (who === "worker") yield* feed(stream, jobs);
    else {
      for (let text = yield* lines.next(); text !== undefined; text = yield* lines.next()) {
        const done = new Deferred<string>();
        yield* jobs.send({ text, done });
        yield* stream.write(`${yield* done}\n`);
      }
    }
  });
}

function* feed(stream: ByteStream, jobs: Channel<Job>): Coroutine<void> {
  const answers = stream.lines();
  for (;;) {
    const job = yield* jobs.receive();
    if (job === undefined) return;
    yield* stream.write(`${job.text}\n`);
    job.done.resolve((yield* answers.next()) ?? "");
  }
}

function* worker(world: World): Coroutine<void> {
  const stream = yield* connect({ host: "broker", port: 4000 });
  yield* stream.write("worker\n");
  const lines = stream.lines();
  for (let job = yield* lines.next(); job !== undefined; job = yield* lines.next()) {
    yield* sleep(world.integer(1, 20, "work"));
    yield* stream.write(`${job.toUpperCase()}\n`);
  }
}

function* client(name: string): Coroutine<void> {
  const stream = yield* connect({ host: "broker", port: 4000 });
  yield* stream.write("client\n");
  const lines = stream.lines();
  for (let i = 0; i < JOBS; i++) {
    yield* stream.write(`${name} job ${i}\n`);
    const answer = yield* lines.next();
    if (answer !== `${name} job ${i}`.toUpperCase()) throw new Error(`the answer to job ${i} is ${String(answer)}`);
  }
  yield* stream.close();
}

/** The body of a simulation. */
export function* jobQueue(world: World): Coroutine<void> {
  const server = world.node("broker", broker);
  yield* sleep(1);
  const workers = Array.from({ length: WORKERS }, (_, i) => world.node(`worker ${i}`, () => worker(world)));
  yield* group(function* (g) {
    for (let i = 0; i < CLIENTS; i++) {
      const node = world.node(`client ${i}`, () => client(`client ${i}`));
      g.spawn(function* () {
        const { how, error } = yield* node.ended();
        if (how !== "done") throw error;
      });
    }
  });
  for (const node of workers) node.crash();
  yield* server.stop();
}
