// A day of the news in a simulated world: dozens of sources on servers of their own, each with its manners (how it names its
// versions, what it says of its rhythm, when it fails and how), and a watch over them that is stopped and begun again. What
// the servers saw is then judged by rules that are written down here a second time, from what was sent and not from what the
// downloader made of it.

import { type Coroutine, group, sleep } from "rondo";
import { type HttpRequest, HttpResponse, serve, stream } from "@rondo/http";
import { type Run, simulate, type World } from "rondo/sim";
import { NewsStore, parseSource, watch, type WatchOptions } from "../src/index.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How a source behaves, all day long. */
interface Manners {
  readonly etag: "none" | "strong" | "weak" | "odd";
  readonly lastModified: boolean;
  /** How often there is something new, in ms. */
  readonly changes: number;
  /** In minutes. */
  readonly ttl: number | undefined;
  readonly skipHours: readonly number[];
  readonly skipDays: readonly number[];
  /** In seconds, as `max-age` (and an `Age`), or as `Expires`. */
  readonly fresh: { readonly by: "max-age" | "expires"; readonly seconds: number; readonly age: number } | undefined;
  readonly noCache: boolean;
  readonly trouble: "none" | "404" | "410" | "503" | "429" | "broken" | "late" | "cut" | "bare";
  /** From when to when it has its trouble, in ms of the day, and how often then. */
  readonly troubled: readonly [from: number, to: number];
  readonly troubleChance: number;
  /** Of 503 and 429, and of 200 where there is no trouble, in seconds. */
  readonly retryAfter: { readonly seconds: number; readonly asDate: boolean } | undefined;
  /** Its address leads to another one. */
  readonly redirected: boolean;
  /** How long it takes to answer, in ms. */
  readonly delay: number;
}

/** What a server said. */
export interface Said {
  readonly status: number;
  /** The answer came whole, and says what the source is. */
  readonly whole: boolean;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** It is longer than what is read of a body. */
  readonly cut: boolean;
}

/** A request that a server saw. Times are in ms since 1970. */
export interface Seen {
  readonly at: number;
  readonly answered: number;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly said: Said;
}

/** A source, and what its server saw. */
export interface Watched {
  readonly url: string;
  readonly manners: Manners;
  readonly seen: Seen[];
  /** Conditions that were sent to the address that only leads on. */
  readonly misled: string[];
}

/** The day, as it was. */
export interface Day {
  readonly begun: number;
  readonly ended: number;
  readonly sources: readonly Watched[];
}

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const BODY_LIMIT = 100_000;

function manners(world: World): Manners {
  const pick = <T>(...from: readonly T[]): T => from[world.integer(0, from.length - 1)] as T;
  const hours = Array.from({ length: 24 }, (_, hour) => hour);
  const first = world.integer(0, 23);
  const from = world.integer(0, 20) * HOUR;
  return {
    etag: pick("strong", "none", "weak", "odd", "strong"),
    lastModified: pick(true, false),
    changes: pick(20 * MINUTE, 3 * HOUR, Infinity, 1 * MINUTE),
    ttl: pick(undefined, 60, 10, 1, 180, 600, 525_600, undefined, 7),
    skipHours: pick([], [], hours, hours.slice(first, first + 6), [first, (first + 2) % 24]),
    skipDays: pick([], [], [], [0, 1, 2, 3, 4, 5, 6], [world.integer(0, 6)]),
    fresh: pick(
      undefined,
      undefined,
      { by: "max-age", seconds: pick(60, 3600, 7200, 31_536_000), age: pick(0, 0, 600, 5000) },
      { by: "expires", seconds: pick(-5, 1800, 5400), age: 0 },
    ),
    noCache: world.chance(0.1),
    trouble: pick("none", "none", "none", "404", "410", "503", "429", "broken", "late", "cut", "bare"),
    troubled: [from, from + pick(30 * MINUTE, 3 * HOUR, DAY)],
    troubleChance: pick(1, 0.5),
    retryAfter: pick(undefined, undefined, { seconds: pick(5, 2400, 7200), asDate: pick(true, false) }),
    redirected: world.chance(0.2),
    delay: pick(0, 50, 3000),
  };
}

/** Runs a day. `restarts` watches come one after the other, with a minute between them. */
export function day(
  seed: number,
  options: WatchOptions & { readonly sources?: number; readonly restarts?: number } = {},
): Run<Day> {
  const { sources: count = 36, restarts = 3, look = MINUTE, ...own } = options;
  return simulate(
    {
      seed,
      network: { faults: "none" },
      maxVirtual: 2 * DAY,
      maxSteps: 20_000_000,
      wallClock: Date.UTC(2026, 10, 21, 9),
    },
    function* (world) {
      const hosts = Array.from({ length: 6 }, (_, at) => `host${at}`);
      const sources = Array.from({ length: count }, (_, at): Watched => {
        const settled = manners(world);
        const url = `http://${hosts[at % hosts.length]}/${at}`;
        return { url, manners: settled, seen: [], misled: [] };
      });
      const begun = Date.UTC(2026, 10, 21, 9);
      const clock = (): number => begun + world.time;
      for (const host of hosts) {
        world.node(host, function* () {
          const handler = (request: HttpRequest): Coroutine<HttpResponse> =>
            answer(request, sources, clock, begun, world);
          yield* (yield* serve({ port: 80, handler })).ended();
        });
      }
      const store = NewsStore.open(":memory:");
      for (const { url } of sources) store.subscribe(parseSource(url));
      for (let round = 1; round <= restarts; round++) {
        const until = (DAY * round) / restarts;
        const node = world.node(`reader${round}`, () =>
          group(function* (g) {
            g.spawn(watch(store, { bodyLimit: BODY_LIMIT, tries: 1, allowPrivate: true, look, ...own }));
            yield* sleep(until - world.time - MINUTE);
            g.stop();
          }),
        );
        yield* node.ended();
        yield* sleep(Math.max(0, until - world.time));
      }
      store.close();
      const ended = clock();
      for (const node of world.nodes) yield* node.stop();
      return { begun, ended, sources };
    },
  );
}

function* answer(
  request: HttpRequest,
  sources: readonly Watched[],
  clock: () => number,
  begun: number,
  world: World,
): Coroutine<HttpResponse> {
  const at = clock();
  const [, number, moved] = request.path.split("/");
  const source = sources[Number(number)] as Watched;
  const { manners: own } = source;
  const ifNoneMatch = request.headers.get("if-none-match");
  const ifModifiedSince = request.headers.get("if-modified-since");
  if (own.redirected && moved === undefined) {
    if (ifNoneMatch !== undefined || ifModifiedSince !== undefined) source.misled.push(ifNoneMatch ?? "");
    return new HttpResponse(null, { status: 302, headers: { location: `/${number}/moved` } });
  }
  const see = (said: Said): void =>
    void source.seen.push({ at, answered: clock(), ifNoneMatch, ifModifiedSince, said });
  const nothing = { whole: false, etag: undefined, lastModified: undefined, cut: false };
  const inDay = at - begun;
  const troubled =
    own.trouble !== "none" &&
    inDay >= own.troubled[0] &&
    inDay < own.troubled[1] &&
    (own.troubleChance === 1 || world.chance(own.troubleChance));
  yield* sleep(own.delay);
  const headers = headersOf(own, clock());
  if (troubled) {
    switch (own.trouble) {
      case "404":
      case "410":
        see({ ...nothing, status: Number(own.trouble) });
        return new HttpResponse("no", { status: Number(own.trouble) });
      case "503":
      case "429":
        see({ ...nothing, status: Number(own.trouble) });
        return new HttpResponse("later", { status: Number(own.trouble), headers });
      case "late":
        see({ ...nothing, status: 0 });
        yield* sleep(20 * SECOND);
        return new HttpResponse("too late");
      default:
    }
  }
  const version = Number.isFinite(own.changes) ? Math.floor(at / own.changes) : 0;
  const etag = { none: undefined, strong: `"${version}"`, weak: `W/"${version}"`, odd: `v ${version}` }[own.etag];
  const lastModified = own.lastModified
    ? new Date(Number.isFinite(own.changes) ? version * own.changes : begun).toUTCString()
    : undefined;
  // By the RFC: If-Modified-Since counts only where there is no If-None-Match.
  const same = ifNoneMatch === undefined ? ifModifiedSince === lastModified : ifNoneMatch === etag;
  if ((ifNoneMatch !== undefined || ifModifiedSince !== undefined) && same) {
    see({ status: 304, whole: true, etag, lastModified, cut: false });
    return new HttpResponse(null, { status: 304, headers: named(headers, etag, lastModified) });
  }
  const bare = troubled && own.trouble === "bare";
  const cut = troubled && own.trouble === "cut";
  const validators = bare ? [undefined, undefined] : [etag, lastModified];
  const body = feedOf(own, version, cut ? BODY_LIMIT : 0);
  const all = named(headers, ...(validators as [string | undefined, string | undefined]));
  if (troubled && own.trouble === "broken") {
    see({ ...nothing, status: 200 });
    return stream(
      function* (emit) {
        yield* emit(body.slice(0, 60));
        throw new Error("this server breaks off");
      },
      { headers: all },
    );
  }
  see({ status: 200, whole: true, etag: validators[0], lastModified: validators[1], cut });
  return new HttpResponse(body, { headers: all });
}

function headersOf({ fresh, noCache, retryAfter, trouble }: Manners, at: number): Record<string, string> {
  const headers: Record<string, string> = { "content-type": "application/rss+xml" };
  const said: string[] = noCache ? ["no-cache"] : [];
  if (fresh?.by === "max-age") said.push(`max-age=${fresh.seconds}`);
  if (fresh !== undefined && fresh.age > 0) headers["age"] = String(fresh.age);
  if (fresh?.by === "expires") headers["expires"] = new Date(at + fresh.seconds * SECOND).toUTCString();
  if (said.length > 0) headers["cache-control"] = said.join(", ");
  if (retryAfter !== undefined && (trouble === "503" || trouble === "429" || trouble === "none"))
    headers["retry-after"] = retryAfter.asDate
      ? new Date(at + retryAfter.seconds * SECOND).toUTCString()
      : String(retryAfter.seconds);
  return headers;
}

function named(
  headers: Record<string, string>,
  etag: string | undefined,
  lastModified: string | undefined,
): Record<string, string> {
  return {
    ...headers,
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { "last-modified": lastModified }),
  };
}

function feedOf({ ttl, skipHours, skipDays }: Manners, version: number, padding: number): string {
  const hours = skipHours.map((hour) => `<hour>${hour}</hour>`).join("");
  const days = skipDays.map((each) => `<day>${WEEKDAYS[each]}</day>`).join("");
  const item = `<item><title>Version ${version}</title><link>/a/${version}</link></item>`;
  return `<?xml version="1.0"?><rss version="2.0"><channel><title>T</title>${ttl === undefined ? "" : `<ttl>${ttl}</ttl>`}${
    hours === "" ? "" : `<skipHours>${hours}</skipHours>`
  }${days === "" ? "" : `<skipDays>${days}</skipDays>`}${item}${"<!-- padding -->".repeat(padding / 10)}${item}</channel></rss>`;
}

// ---- the judge ------------------------------------------------------------------------------------------------------

/** Beyond this nothing is late: a look at the clock, a turn at a host with slow neighbours, a restart. */
const SLACK = 10 * SECOND + 90 * SECOND + MINUTE;
/** Of answers that are fresh: `Date` has no parts of a second, and a cache has to take the worst. */
const DATE_ROUNDING = 2 * SECOND;

/** What is wrong with how a source was asked, in sentences; nothing in a good run. */
export function wrongs({ url, manners: own, seen, misled }: Watched, { begun, ended }: Day): string[] {
  const wrong: string[] = [];
  const at = (time: number): string => new Date(time).toISOString();
  if (misled.length > 0) wrong.push(`${url}: validators were sent to an address they are not of`);
  let etag: string | undefined;
  let lastModified: string | undefined;
  let knowsHints = false;
  let failures = 0;
  let [earliest, latest] = [begun, begun + SLACK];
  for (const one of seen) {
    const { said } = one;
    if (one.at < earliest) wrong.push(`${url}: asked at ${at(one.at)}, and not due before ${at(earliest)}`);
    if (one.at > latest) wrong.push(`${url}: asked at ${at(one.at)}, and due until ${at(latest)}`);
    if (one.ifNoneMatch !== etag) wrong.push(`${url}: If-None-Match was ${one.ifNoneMatch}, and not ${etag}`);
    if (one.ifModifiedSince !== lastModified)
      wrong.push(`${url}: If-Modified-Since was ${one.ifModifiedSince}, and not ${lastModified}`);
    if (said.whole && said.status === 200) {
      [etag, lastModified] = said.cut ? [undefined, undefined] : [said.etag, said.lastModified];
      knowsHints = true;
    }
    failures = said.whole ? 0 : failures + 1;
    const hints = knowsHints ? own : { ttl: undefined, skipHours: [], skipDays: [] };
    [earliest, latest] = window(one, own, hints, failures);
  }
  if (ended > latest)
    wrong.push(`${url}: never asked again after ${at(seen.at(-1)?.at ?? begun)}, due until ${at(latest)}`);
  return wrong;
}

/** From when and until when it has to be asked again. */
function window(
  { at, answered, said }: Seen,
  { fresh, noCache, retryAfter, trouble }: Manners,
  hints: Pick<Manners, "ttl" | "skipHours" | "skipDays">,
  failures: number,
): [earliest: number, latest: number] {
  const asked =
    retryAfter !== undefined && ["none", "503", "429"].includes(trouble)
      ? retryAfter.seconds * SECOND - (retryAfter.asDate ? SECOND : 0)
      : 0;
  if (said.status === 410) return [answered + 7 * DAY, Infinity];
  if (!said.whole) {
    const whole = Math.min(DAY, 30 * MINUTE * 2 ** (failures - 1));
    return [
      unskipped(at + Math.max(whole / 2, asked), hints),
      unskipped(answered + Math.max(whole, asked) + 20 * SECOND, hints) + SLACK,
    ];
  }
  const rhythm = Math.max((hints.ttl ?? 30) * MINUTE, 5 * MINUTE);
  const freshFor = fresh === undefined || noCache ? 0 : Math.min(DAY, (fresh.seconds - fresh.age) * SECOND);
  const least = Math.min(7 * DAY, Math.max(rhythm, asked, freshFor - DATE_ROUNDING));
  const most = Math.min(7 * DAY, Math.max(rhythm, asked + SECOND, freshFor));
  return [unskipped(answered + least, hints), unskipped(answered + most, hints) + SLACK];
}

/** Minute by minute to one that is not to be skipped. */
function unskipped(from: number, { skipHours, skipDays }: Pick<Manners, "skipHours" | "skipDays">): number {
  const hours = skipHours.length < 24 ? skipHours : [];
  const days = skipDays.length < 7 ? skipDays : [];
  let time = from;
  while (hours.includes(new Date(time).getUTCHours()) || days.includes(new Date(time).getUTCDay()))
    time = (Math.floor(time / MINUTE) + 1) * MINUTE;
  return time;
}
