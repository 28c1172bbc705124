// A month of news that never happened, for the page's picture and its tests: the same every time.

import type { NewsStore, RisingWord, RunRecord, SourceHealth, StoredWord, Trends } from "@rondo/crawl";
import { type PageData, pageData } from "../src/news/html/page-data.ts";

const DAY = 86_400_000;
export const TODAY: number = Date.UTC(2026, 10, 22, 11, 24);

/** Numbers between 0 and 1 that look drawn (Mulberry32, Tommy Ettinger, 2017). */
function drawn(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What they are called, and in which language they write. */
const SOURCES: readonly (readonly [string, string])[] = [
  ["The Morning Ledger", "en"],
  ["Harbour Gazette", "en"],
  ["Norðurljós", "is"],
  ["El Faro del Sur", "es"],
  ["Le Courrier des Alpes", "fr"],
  ["Der Elbbote", "de"],
  ["Nordlys Avis", "nb"],
  ["الميدان", "ar"],
  ["The Prairie Post", "en"],
  ["Science Weekly", "en"],
  ["Kurier Wschodni", "pl"],
  ["Večerní kurýr", "cs"],
  ["Gazzetta del Golfo", "it"],
  ["Market Watchman", "en"],
  ["De Polderkrant", "nl"],
  ["Kathmandu Bulletin", "en"],
  ["The Reef Reporter", "en"],
  ["Tech Almanac", "en"],
  ["O Atlântico", "pt"],
  ["Βόρειος Τύπος", "el"],
  ["Esti Lap", "hu"],
  ["Вечерний Город", "ru"],
  ["Dagens Fjord", "nb"],
  ["The Climate Desk", "en"],
  ["Bola & Gol", "pt"],
  ["Canal Times", "en"],
  ["Suomen Lehti", "fi"],
  ["Zeitung am Rhein", "de"],
  ["The Parliament Page", "en"],
  ["Weather & Tides", "en"],
  ["Health Digest", "en"],
  ["Open Data Journal", "en"],
  ["La Nueva Plaza", "es"],
  ["Radio Six News", "en"],
  ["The Eastern Star", "en"],
  ["Ciel et Terre", "fr"],
  ["Policy Brief", "en"],
  ["הצפון היומי", "he"],
  ["Mercato Oggi", "it"],
  ["Farm & Field", "en"],
  ["Metro Südwest", "de"],
  ["The Long Read", "en"],
];

/** How many mentions a day: a level, its weeks, its noise, and days on which something happened. */
function wave(level: number, days: number, seed: number, events: readonly (readonly [number, number])[]): number[] {
  const random = drawn(seed);
  return Array.from({ length: days }, (_, at) => {
    const weekend = [0, 6].includes(new Date(TODAY - (days - 1 - at) * DAY).getUTCDay()) ? 0.72 : 1;
    const happened = events.reduce((sum, [day, times]) => sum + (at >= day ? times * 0.66 ** (at - day) : 0), 0);
    return Math.round(level * weekend * (0.88 + random() * 0.24 + happened));
  });
}

const WAVES: Readonly<Record<string, (days: number) => number[]>> = {
  climate: (days) =>
    wave(118, days, 3, [
      [15, 1.6],
      [17, 0.9],
      [26, 0.5],
    ]),
  election: (days) =>
    wave(74, days, 5, [
      [4, 2.4],
      [5, 1.5],
      [21, 0.6],
    ]),
  "interest rates": (days) =>
    wave(52, days, 7, [
      [10, 1.1],
      [24, 2.6],
    ]),
  "artificial intelligence": (days) =>
    wave(96, days, 11, [
      [8, 0.4],
      [19, 0.7],
    ]),
};

const WORDS = "government people president minister world market country climate company police energy water";
/** How often on the last day, and in the four weeks before it. */
const RISING: readonly (readonly [string, number, number])[] = [
  ["landslide", 214, 318],
  ["eruption", 97, 0],
  ["rates", 391, 3204],
  ["summit", 168, 1102],
  ["ceasefire", 142, 801],
  ["semiconductor", 90, 488],
  ["recall", 84, 796],
  ["fjord", 41, 98],
  ["strike", 203, 3940],
  ["aurora", 33, 112],
  ["quarterfinal", 52, 471],
  ["tariff", 140, 2690],
];
/** Words of the last day, and of the days before it. */
const RECENT = 94_000;
const BEFORE = 2_550_000;

function rising(): RisingWord[] {
  const part = (seen: number, expected: number): number => (seen === 0 ? 0 : seen * Math.log(seen / expected));
  return RISING.map(([word, recent, before]) => {
    const share = (recent + before) / (RECENT + BEFORE);
    const score = 2 * (part(recent, share * RECENT) + part(before, share * BEFORE));
    return {
      word,
      recent,
      before,
      recentRate: (recent / RECENT) * 10_000,
      beforeRate: (before / BEFORE) * 10_000,
      score,
    };
  }).toSorted((a, b) => b.score - a.score);
}

function health(): SourceHealth[] {
  const random = drawn(17);
  return SOURCES.map(([name, language], at) => {
    const inARow = at === 9 ? 12 : at === 23 ? 3 : at === 33 ? 1 : 0;
    const fetches = 120 + Math.floor(random() * 600);
    const kind =
      (["rss", "atom", "rss", "atom", "json", "rss", "rss", "page"] as const)[Math.floor(random() * 8)] ?? "rss";
    const messages = {
      9: `s${at}.example.org answers HTTP 410 Gone`,
      23: "the certificate of climatedesk.example.org expired on 19 November",
      33: "no answer within 15 s (try 3)",
    } as Record<number, string>;
    return {
      url: `https://s${at}.example.org/feed.xml`,
      name,
      title: name,
      kind: kind as SourceHealth["kind"],
      language,
      subscribed: true,
      lastAttempt: TODAY - Math.floor(random() * 3_000_000),
      lastSuccess: TODAY - (inARow > 0 ? inARow * 3_700_000 : Math.floor(random() * 3_600_000)),
      fetches,
      failed: inARow > 0 ? inARow + 6 : Math.floor(random() * 9),
      failuresInARow: inARow,
      averageBytes: 9000 + Math.floor(random() ** 2 * 420_000),
      articles: 80 + Math.floor(random() * 2400),
      due: TODAY + Math.floor(random() * 3_600_000),
      failure: inARow > 0 ? { kind: "status", message: messages[at] ?? "" } : undefined,
    };
  });
}

/** A run over this many sources, of which seven are asked at once. */
export function madeUpRun(
  sources: number,
  name: (at: number) => string = (at) => SOURCES[at % SOURCES.length]?.[0] ?? "",
): RunRecord {
  const random = drawn(23);
  const slots = Array.from({ length: Math.min(7, sources) }, () => 0);
  const fetches: RunRecord["fetches"][number][] = [];
  for (let at = 0; at < sources; at++) {
    const slot = slots.indexOf(Math.min(...slots));
    const begun = (slots[slot] as number) + random() * 6;
    const asked = begun + (random() < 0.3 ? random() * 180 : random() * 4);
    const reused = random() < 0.1;
    const connected = asked + 25 + random() * 140;
    const answered = (reused ? asked : connected) + 40 + random() ** 3 * 1100;
    const unchanged = random() < 0.32;
    const downloaded = answered + (unchanged ? 0.4 : 15 + random() ** 2 * 420);
    const ended = downloaded + (unchanged ? 0.2 : 3 + random() * 26);
    const lost = at === 9 || at === 33;
    const timing = lost
      ? { begun, asked, connected, ended: at === 33 ? asked + 2600 : connected + 90 }
      : { begun, asked, ...(reused ? {} : { connected }), answered, downloaded, ended };
    fetches.push({
      url: `https://s${at}.example.org/feed.xml`,
      name: name(at),
      state: lost ? "failed" : unchanged ? "unchanged" : "done",
      bytes: lost || unchanged ? 0 : Math.round(9000 + random() ** 2 * 420_000),
      timing,
    });
    slots[slot] = timing.ended;
  }
  return { at: TODAY - 90_000, ended: TODAY - 86_000, fetches };
}

/** What answers the page's questions as a memory would. */
export const madeUpStore: Pick<NewsStore, "health" | "lastRun" | "rising" | "top" | "trends"> = {
  trends: ({ terms, days = 30 }): Trends => ({
    days: Array.from({ length: days }, (_, at) => new Date(TODAY - (days - 1 - at) * DAY).toISOString().slice(0, 10)),
    articles: wave(880, days, 29, [
      [4, 0.3],
      [15, 0.15],
    ]),
    series: terms
      .map((term) => {
        const counts = WAVES[term]?.(days) ?? wave(20, days, term.length, []);
        return { term, counts, total: counts.reduce((sum, each) => sum + each, 0) };
      })
      .toSorted((a, b) => b.total - a.total),
  }),
  top: ({ limit }): StoredWord[] => {
    const random = drawn(31);
    const words = WORDS.split(" ").map((word, at) => {
      const count = Math.round((4200 / (at + 2.2)) * (1.6 + random() * 0.3));
      return { word, count, articles: Math.round(count * 0.62) };
    });
    return words.toSorted((a, b) => b.count - a.count).slice(0, limit);
  },
  rising: ({ limit }) => rising().slice(0, limit),
  health,
  lastRun: () => madeUpRun(SOURCES.length),
};

/** All of it, as the page takes it. */
export function madeUpPage(terms: readonly string[] = Object.keys(WAVES)): PageData {
  return pageData(madeUpStore, { terms, days: 30, today: TODAY });
}
