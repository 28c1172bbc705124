// A web inside the loop, for tests in virtual time: answers come after as many virtual ms as a test says, and what was
// asked, when, and whether anybody still waited is written down.

import { Channel, type Coroutine, type Group, group, now, run, sleep, VirtualHost } from "rondo";
import { fromWebFetch, News, type NewsOptions, parseSource } from "../src/index.ts";

/** What a page of the web answers. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | ReadableStream<Uint8Array>;
  /** In ms of virtual time. `Infinity`: never. */
  readonly after?: number;
  /** Instead of an answer. */
  readonly error?: Error;
}

/** One request that was made. */
export interface Asked {
  readonly url: string;
  readonly at: number;
  readonly headers: Readonly<Record<string, string>>;
  aborted: boolean;
}

interface Pending {
  readonly answer: Answer;
  readonly settle: (answer: Answer) => void;
}

export class Web {
  readonly asked: Asked[] = [];
  /** Requests open at this moment, and the most there ever were; by host and in all. */
  readonly open: Map<string, number> = new Map<string, number>();
  readonly most: Map<string, number> = new Map<string, number>();
  readonly #answer: (url: string, times: number, headers: Readonly<Record<string, string>>) => Answer;
  readonly #times = new Map<string, number>();
  readonly #pending = new Channel<Pending>(Infinity);

  /** @param answer is told how often the address was asked before, and what was sent with the request. */
  constructor(answer: (url: string, times: number, headers: Readonly<Record<string, string>>) => Answer) {
    this.#answer = answer;
  }

  readonly fetch = (
    url: string,
    init: { signal: AbortSignal; headers?: Readonly<Record<string, string>> },
  ): Promise<Response> => {
    const { headers = {} } = init;
    const asked: Asked = { url, at: now(), headers, aborted: false };
    this.asked.push(asked);
    const times = this.#times.get(url) ?? 0;
    this.#times.set(url, times + 1);
    const { host } = new URL(url);
    this.#count(host, 1);
    return new Promise((resolve, reject) => {
      init.signal.addEventListener("abort", () => {
        asked.aborted = true;
        this.#count(host, -1);
        reject(init.signal.reason);
      });
      this.#pending.trySend({
        answer: this.#answer(url, times, headers),
        settle: ({ error, body, status, headers }) => {
          if (asked.aborted) return;
          this.#count(host, -1);
          if (error !== undefined) reject(error);
          else resolve(new Response(body ?? null, { status: status ?? 200, headers: headers ?? {} }));
        },
      });
    });
  };

  #count(host: string, change: number): void {
    for (const key of [host, "all"]) {
      const open = (this.open.get(key) ?? 0) + change;
      this.open.set(key, open);
      this.most.set(key, Math.max(open, this.most.get(key) ?? 0));
    }
  }

  /** Answers, for ever. */
  *serve(): Coroutine<void> {
    yield* group(
      function* (this: Web, g: Group) {
        for (;;) {
          const next = yield* this.#pending.receive();
          if (next === undefined) return;
          g.spawn(answering(next), { daemon: true });
        }
      }.bind(this),
    );
  }
}

function* answering({ answer, settle }: Pending): Coroutine<void> {
  yield* sleep(answer.after ?? 0);
  settle(answer);
}

/** Runs news over a web in virtual time. */
export async function visit(
  web: Web,
  urls: readonly string[],
  options: NewsOptions = {},
  host = new VirtualHost(),
): Promise<News> {
  const news = new News(
    urls.map((url) => parseSource(url)),
    { fetch: fromWebFetch(web.fetch), ...options },
  );
  await run(() => inside(web, news), { host });
  return news;
}

function* inside(web: Web, news: News): Coroutine<void> {
  yield* group(function* (g) {
    g.spawn(web.serve(), { daemon: true });
    yield* news.work();
  });
}

/** An RSS feed of one article. */
export function feed(title: string, text = ""): string {
  return `<?xml version="1.0"?><rss version="2.0"><channel><title>${title}</title><item><title>${title}</title><description>${text}</description></item></channel></rss>`;
}
