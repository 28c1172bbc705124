// Redis from coroutines, by the driver `ioredis`. The functions are those of docs/drivers.md, word for word: a test compares
// them.
import { Redis } from "ioredis";
import { type Coroutine, defer, events, type Flow, suspend, until } from "rondo";

export function* redis(path: string): Coroutine<Redis> {
  const client = new Redis({ path, lazyConnect: true });
  client.on("error", () => {}); // it connects again by itself; who waits for an answer is told
  defer(() => client.disconnect());
  yield* until(client.connect());
  return client;
}

export function* subscribe(subscriber: Redis, channel: string): Coroutine<Flow<string>> {
  const heard = events<[string, string]>(subscriber, "message", {
    map: (from: string, message: string) => [from, message],
  });
  yield* until(subscriber.subscribe(channel));
  defer(() => until(subscriber.unsubscribe(channel)));
  return heard.filter(([from]) => from === channel).map(([, message]) => message);
}

export function* pop(blocking: Redis, control: Redis, key: string): Coroutine<string> {
  for (;;) {
    const id = yield* until(blocking.client("ID"));
    const item = yield* suspend<string | undefined>((wake, fail) => {
      let answered = false;
      blocking
        .blpop(key, 0)
        .then((found) => wake(found?.[1]), fail)
        .finally(() => void (answered = true));
      const unblock = async (): Promise<void> => {
        // It may not have got there yet, and then there is nobody to unblock.
        while (!answered && (await control.client("UNBLOCK", id)) === 0);
      };
      return () => {
        unblock().catch(fail);
        return false; // too late to take it back: the answer comes, with an item or without
      };
    }, `pop ${key}`);
    if (item !== undefined) return item;
  }
}
