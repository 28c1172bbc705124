/**
 * A client in a world of bad luck: servers that close idle connections just now, crash and come back, links that are cut,
 * callers who change their minds. Each answer must be the one that was asked for, what may be done once is done once, and
 * when all is well again so is the pool.
 */
import { BrokenError, CancelledError, type Coroutine, group, moveOnAfter, sleep, TimeoutError } from "rondo";
import { ConnectError } from "rondo/net";
import type { SimNode, World } from "rondo/sim";
import type { Programs } from "../../../rondo/tests/sim/campaign.ts";
import {
  type Client,
  HttpError,
  type HttpRequest,
  type HttpResponse,
  openClient,
  serve,
  type ServeOptions,
  stream,
  text,
  TruncatedError,
} from "../../src/index.ts";

function shop(
  world: World,
  handler: (request: HttpRequest) => Coroutine<HttpResponse>,
  options: Partial<ServeOptions> = {},
): SimNode {
  return world.node("server", function* () {
    const server = yield* serve({ port: 80, handler, ...options });
    yield* server.ended();
  });
}

function opened(options: Parameters<typeof openClient>[0] = {}): Client {
  return openClient({ baseUrl: "http://server", proxy: null, ...options });
}

/** What may become of a request when the world is against it. */
function mayHappen(error: unknown): boolean {
  return (
    error instanceof BrokenError ||
    error instanceof ConnectError ||
    error instanceof TimeoutError ||
    error instanceof TruncatedError ||
    error instanceof CancelledError ||
    error instanceof HttpError
  );
}

/** A body that comes in one piece, in several, or bit by bit, and is known by what was asked. */
function* told(world: World, request: HttpRequest): Coroutine<HttpResponse> {
  yield* sleep(world.integer(0, 20));
  const name = request.path.slice(1);
  const sent = yield* request.text();
  const unit = `${name}:${sent}:`;
  // In slices of a byte, as some seeds have them, even this is much.
  const body = unit.repeat(Math.min(world.pick([1, 10, 1000]), Math.ceil(10_000 / unit.length)));
  if (world.chance(0.5)) return text(body);
  return stream(function* (emit) {
    const size = Math.ceil(body.length / world.integer(1, 4));
    for (let at = 0; at < body.length; at += size) {
      if (world.chance(0.3)) yield* sleep(world.integer(0, 10));
      yield* emit(body.slice(at, at + size));
    }
  });
}

/** Asks for `name`, and holds the answer to it; undefined where bad luck took it. */
function* askFor(world: World, client: Client, name: string): Coroutine<boolean> {
  const body = world.chance(0.3) ? name.repeat(world.pick([1, 10, 1000])) : undefined;
  try {
    const response = yield* client.fetch(`/${name}`, { body, timeout: 60_000, idleTimeout: 60_000 });
    if (world.chance(0.1)) {
      response.close();
      return true;
    }
    const got = yield* response.text();
    // It stood still for so long that it took its clients for slow ones.
    if (response.status === 408) return false;
    const unit = `${name}:${body ?? ""}:`;
    if (got.length === 0 || got.length % unit.length !== 0 || got !== unit.repeat(got.length / unit.length))
      throw new RangeError(`asked for ${name}, and got ${got.length} characters, "${got.slice(0, 60)}"`);
    return true;
  } catch (error) {
    if (error instanceof RangeError || !mayHappen(error)) throw error;
    return false;
  }
}

/** Several callers, each with several requests, some of which are left in the middle. */
function* crowd(world: World, client: Client): Coroutine<number> {
  let answered = 0;
  yield* group(function* (g) {
    const callers = world.integer(1, 5);
    for (let caller = 0; caller < callers; caller++) {
      g.spawn(function* () {
        const requests = world.integer(1, 6);
        for (let n = 0; n < requests; n++) {
          const asked = askFor(world, client, `c${caller}n${n}`);
          if (world.chance(0.2)) yield* moveOnAfter(world.integer(0, 60), asked);
          else if (yield* asked) answered++;
          yield* sleep(world.pick([0, 0, 1, 95, 100, 105, 400]));
        }
      });
    }
  });
  return answered;
}

/** Nobody has a connection any more, and a new request is answered. */
function* wellAgain(client: Client): Coroutine<void> {
  for (const { lent, waiters } of Object.values(client.statistics()))
    if (lent > 0 || waiters > 0) throw new Error(`${lent} connections are out, and ${waiters} wait, when nobody asks`);
  const response = yield* client.fetch("/last", { timeout: 600_000, retry: { attempts: 20, backoff: 1000 } });
  if (!(yield* response.text()).startsWith("last:")) throw new Error("the last answer is another one");
}

export const asking: Programs = {
  *"each answer is the one that was asked for, of a server that closes connections just as they are used again"(world) {
    shop(world, (request) => told(world, request), { timeouts: { idle: 100 } });
    const client = opened({ maxPerHost: world.integer(1, 4), keepAlive: world.pick([50, 100, 1000]) });
    const answered = yield* crowd(world, client);
    world.sometimes("a request is answered", answered > 0);
    yield* wellAgain(client);
  },

  *"a pool is well again after cuts, crashes and slow links"(world) {
    const server = shop(world, (request) => told(world, request));
    const client = opened({ maxPerHost: world.integer(1, 3), connectTimeout: 20_000 });
    yield* group(function* (g) {
      g.spawn(
        function* trouble() {
          for (;;) {
            yield* sleep(world.integer(5, 300));
            switch (world.integer(0, 2)) {
              case 0:
                world.network.cut("world", "server", { oneWay: world.chance(0.3) });
                yield* sleep(world.pick([10, 500, 30_000]));
                world.network.healAll();
                break;
              case 1:
                server.crash();
                yield* sleep(world.integer(0, 2000));
                server.restart();
                break;
              default:
                server.pause();
                yield* sleep(world.pick([10, 1000, 70_000]));
                server.resume();
            }
          }
        },
        { daemon: true },
      );
      const answered = yield* crowd(world, client);
      world.sometimes("requests are answered in between", answered > 0);
    });
    world.network.healAll();
    server.resume();
    if (!server.up) server.restart();
    yield* sleep(120_000);
    yield* wellAgain(client);
  },

  *"what must not be done twice is done at most once, and once where the answer says so"(world) {
    const done = new Map<string, number>();
    function* order(request: HttpRequest): Coroutine<HttpResponse> {
      yield* sleep(world.integer(0, 5));
      done.set(request.path, (done.get(request.path) ?? 0) + 1);
      yield* sleep(world.integer(0, 5));
      return text("done");
    }
    const server = shop(world, order, { timeouts: { idle: 30 } });
    const client = opened({ maxPerHost: 2, retry: { attempts: 3, backoff: 10 } });
    yield* group(function* (g) {
      g.spawn(
        function* () {
          for (;;) {
            yield* sleep(world.integer(20, 200));
            server.restart();
          }
        },
        { daemon: true },
      );
      for (let caller = 0; caller < 3; caller++) {
        g.spawn(function* () {
          for (let n = 0; n < 5; n++) {
            const path = `/order/${caller}/${n}`;
            let answered = false;
            try {
              const response = yield* client.fetch(path, { method: "POST", body: "x", timeout: 60_000 });
              answered = response.status === 200 && (yield* response.text()) === "done";
            } catch (error) {
              if (!mayHappen(error)) throw error;
              world.sometimes("an order is lost on the way");
            }
            const times = done.get(path) ?? 0;
            if (times > 1 || (answered && times !== 1)) throw new Error(`${path} was done ${times} times`);
            yield* sleep(world.pick([0, 29, 30, 31]));
          }
        });
      }
    });
  },
};
