/** Finding somebody who answers: many addresses for one name, and trying again. */
import {
  BrokenError,
  type Coroutine,
  group,
  moveOnAfter,
  now,
  sleep,
  suppressed,
  timeout,
  TimeoutError,
} from "../../src/index.ts";
import { type ByteStream, connect, ConnectError, listen, retry, serve } from "../../src/net/index.ts";
import type { SimNode, World } from "../../src/sim/index.ts";
import { Actor } from "./actors.ts";
import type { Programs } from "./campaign.ts";

type Fate = "answers" | "refuses" | "silent" | "slow";

/**
 * A name with several addresses, of both families: somebody is found if anybody is there, it is one who answers, and of the
 * others nothing stays open. If nobody is there, the error has every attempt.
 */
function* manyAddresses(world: World): Coroutine<void> {
  const fates: Fate[] = Array.from({ length: world.integer(1, 5, "addresses") }, () =>
    world.pick(["answers", "refuses", "silent", "slow"] as const, "fate"),
  );
  const open = fates.map(() => 0);
  const served = fates.map(() => 0);
  const addresses = fates.map((_, i) => (world.chance(0.5) ? `fd00::${i + 1}` : `10.9.0.${i + 1}`));
  const nodes: SimNode[] = fates.map((fate, i) =>
    world.node(
      `server${i}`,
      fate === "refuses"
        ? () => sleep(10_000_000)
        : function* () {
            yield* serve(
              yield* listen({ host: addresses[i]!.includes(":") ? "::" : "0.0.0.0", port: 80 }),
              function* (stream) {
                open[i]!++;
                try {
                  const bytes = yield* stream.read();
                  if (bytes !== undefined) served[i]!++;
                  yield* stream.write(`${i}`);
                  while ((yield* stream.read()) !== undefined);
                } finally {
                  open[i]!--;
                }
              },
            );
          },
      { address: addresses[i]! },
    ),
  );
  world.network.names.set("service.test", addresses);
  // Whole milliseconds in half of the worlds: so that who gives up does so in the very moment in which somebody answers.
  const latency = world.chance(0.5) ? world.integer(1, 3, "latency") : undefined;
  if (latency !== undefined) {
    world.network.names.latency = 0;
    world.network.defaults = { latency, jitter: 0, loss: 0, slices: false };
  }
  const prompt = latency !== undefined && !fates.includes("silent") && !fates.includes("slow");
  const attemptDelay = world.pick([250, 0, 20], "delay");
  let outcome = "none";
  const client = world.node(
    "client",
    () =>
      group(function* (g) {
        yield* sleep(1);
        const actor = new Actor(world, g, 0, undefined);
        const patience = world.choose(3, "patience");
        const dial = function* (): Coroutine<void> {
          const begun = now();
          const hurried = (): void => {
            if (!prompt) return;
            world.sometimes("nobody is silent");
            world.always("whoever fails lets the next one begin", now() - begun <= (2 * latency + 1) * fates.length);
          };
          let stream: ByteStream;
          try {
            stream = yield* connect({ host: "service.test", port: 80, attemptDelay });
          } catch (error) {
            if (!(error instanceof ConnectError)) throw error;
            outcome = "failed";
            hurried();
            world.always("somebody who answers is found", !fates.includes("answers"), fates.join(" "));
            world.always(
              "the error has every attempt",
              error.attempts.length === fates.length,
              `${error.attempts.length}`,
            );
            return;
          }
          hurried();
          try {
            yield* stream.write("hello");
            const answer = yield* stream.read();
            const i = Number(new TextDecoder().decode(answer));
            outcome = fates[i]!;
            world.always(
              "who was found is one who answers",
              served[i] === 1 && fates[i] !== "refuses",
              fates.join(" "),
            );
          } catch (error) {
            // The silent one: it was cut off, and nobody noticed.
            if (!(error instanceof BrokenError)) throw error;
          } finally {
            yield* moveOnAfter(10_000, stream.close());
            stream.abort();
          }
        };
        if (patience === 0) yield* dial();
        else if (patience === 1) yield* moveOnAfter(world.choose(world.pick([8, 600], "ms"), "ms"), dial);
        else yield* actor.within(dial);
      }),
    { address: ["10.9.1.1", "fd00::1:1"] },
  );
  for (const [i, fate] of fates.entries()) {
    if (fate === "silent") world.network.cut(client, nodes[i]!);
    if (fate === "slow")
      world.network.link(client, nodes[i]!).latency = world.pick([100, 10, 249, 250, 251, 500], "slow");
  }
  yield* client.ended();
  world.sometimes("one who answers slowly is taken", outcome === "slow");
  world.sometimes("nobody answers", outcome === "failed");
  world.sometimes("the first who answers is taken", outcome === "answers");
  world.network.healAll();
  yield* sleep(3_600_000);
  world.always(
    "nothing stays open of the others",
    open.every((count) => count === 0),
    open.join(" "),
  );
}

/** What is tried again: so often and no more, never two at a time, and not beyond the deadline. */
function* again(world: World): Coroutine<void> {
  const attempts = world.integer(1, 5, "attempts");
  const fails = world.integer(0, 6, "fails");
  const gap = world.choose(10, "backoff");
  const takes = world.choose(5, "takes");
  const limit = world.pick([Infinity, 5, 20, 50], "limit");
  const cancelAt = world.choose(3, "cancel") === 2 ? world.choose(60, "at") : Infinity;
  const deadline = now() + Math.min(limit, cancelAt);
  const errors: Error[] = [];
  const pauses: number[] = [];
  let running = 0;
  let begun = 0;
  let value: number | undefined;
  let thrown: unknown;
  const start = now();
  const trying = retry(
    function* (attempt) {
      begun++;
      world.always("tries are counted", attempt === begun);
      running++;
      world.always("never two at a time", running === 1);
      try {
        yield* sleep(takes);
        if (begun <= fails) {
          const error = new Error(`failure ${begun}`);
          errors.push(error);
          throw error;
        }
        return begun;
      } finally {
        running--;
      }
    },
    {
      attempts,
      backoff: gap,
      onRetry: ({ pause }) => {
        pauses.push(pause);
        world.always("no pause is begun that ends after the deadline", now() + pause < deadline, `${pause}`);
      },
    },
  );
  const outcome = yield* moveOnAfter(cancelAt, function* () {
    try {
      value = yield* limit === Infinity ? trying : timeout(limit, trying);
    } catch (error) {
      thrown = error;
    }
  });
  world.always("no more tries than there may be", begun <= attempts);
  world.always("nothing still runs", running === 0);
  if (outcome.timedOut) return;
  if (value !== undefined)
    world.always("it gives what the last try gave", value === begun && errors.length === begun - 1);
  else if (thrown instanceof TimeoutError)
    world.always("a timeout comes while one is tried, and not in a pause", now() === start + limit && takes > 0);
  else {
    world.sometimes("all tries fail");
    world.always("the last failure is thrown, and the others are with it", thrown === errors.at(-1));
    const others = suppressed(thrown);
    world.always(
      "none of them is lost",
      others.length === errors.length - 1 && errors.slice(0, -1).every((one) => others.includes(one)),
    );
    if (begun < attempts) world.always("it gives up early only for the deadline", now() + gap >= deadline);
  }
}

/** Something that may be done twice is asked for until it is done, of a server that comes and goes. */
function* untilDone(world: World): Coroutine<void> {
  const done = new Set<number>();
  const server = world.node("server", function* () {
    yield* serve(yield* listen({ host: "0.0.0.0", port: 80 }), function* (stream) {
      const bytes = yield* stream.readExactly(1);
      if (bytes === undefined) return;
      yield* sleep(world.choose(5, "works"));
      done.add(bytes[0] as number);
      yield* stream.write(bytes);
    });
  });
  const confirmed = new Set<number>();
  const client = world.node("client", () =>
    group(function* (g) {
      for (let job = 1, jobs = world.integer(1, 5, "jobs"); job <= jobs; job++) {
        g.spawn(() =>
          retry(
            function* () {
              const stream = yield* connect({ host: "server", port: 80, timeout: 100 });
              try {
                yield* stream.write(Uint8Array.of(job));
                const answer = yield* timeout(200, stream.readExactly(1));
                if (answer?.[0] !== job) throw new BrokenError("no answer");
                world.always("what is confirmed was done", done.has(job));
                confirmed.add(job);
              } finally {
                stream.abort();
              }
            },
            { attempts: Infinity, backoff: 50 },
          ),
        );
      }
    }),
  );
  yield* group(function* (g) {
    g.spawn(
      function* () {
        for (let troubles = world.integer(1, 5, "troubles"); troubles > 0; troubles--) {
          yield* sleep(world.choose(100, "quiet"));
          server.crash();
          yield* sleep(world.choose(300, "down"));
          server.restart();
        }
        yield* world.liveness({ core: [client, server], within: 60_000, progress: () => !client.up });
      },
      { name: "troubles" },
    );
    yield* client.ended();
  });
  world.always("all is done", [...confirmed].every((job) => done.has(job)) && confirmed.size > 0);
}

export const dialing: Programs = {
  "connect(): of many addresses one who answers is found, and of the others nothing stays open": manyAddresses,
  "retry(): so often and no more, never two at a time, and not beyond the deadline": again,
  "retry(): what may be done twice is done in the end, by a server that comes and goes": untilDone,
};
