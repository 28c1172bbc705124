// Reading without a network: feeds beside rss-parser, which is what most programs in JavaScript take, and counting words
// beside Intl.Segmenter, which is what the platform has.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { countWords, decode, readDocument, readPage } from "@rondo/crawl";
import Parser from "rss-parser";
import { busy, type Workload } from "../workload.ts";

const shared = fileURLToPath(new URL("../../../../shared/data/feeds", import.meta.url));

/** Feeds that both read: a comparison of refusals would say nothing. */
let feeds: Buffer[] | undefined;

async function commonFeeds(): Promise<Buffer[]> {
  if (feeds !== undefined) return feeds;
  const all = (existsSync(shared) ? readdirSync(shared) : [])
    .filter((name) => /\.(?:rss|atom)$/.test(name))
    .map((name) => readFileSync(join(shared, name)));
  const readable: Buffer[] = [];
  for (const bytes of all) if (ours(bytes) > 0 && (await theirs(bytes)) === ours(bytes)) readable.push(bytes);
  return (feeds = readable);
}

/** Articles of a feed, 0 for what cannot be read. */
function ours(bytes: Buffer): number {
  try {
    return readDocument(bytes, { url: "https://feed.example/" }).articles.length;
  } catch {
    return 0;
  }
}

async function theirs(bytes: Buffer): Promise<number> {
  try {
    return (await new Parser().parseString(bytes.toString())).items.length;
  } catch {
    return 0;
  }
}

async function overFeeds(
  amount: number,
  read: (bytes: Buffer) => number | Promise<number>,
): Promise<number | undefined> {
  const all = await commonFeeds();
  if (all.length === 0) return undefined;
  const begun = busy();
  for (let at = 0; at < amount; at++) {
    if ((await read(all[at % all.length] as Buffer)) === 0) throw new Error("a feed gave no article");
  }
  return busy() - begun;
}

/** A feed to articles with plain text. The feeds are those of ../shared, where they are there. */
export const readFeeds: Workload = {
  name: "feeds",
  title: "read a feed",
  unit: "ns",
  amount: 300,
  step: 30,
  slices: 5,
  contestants: [
    {
      name: "Rondo",
      optional: true,
      run: (amount) => overFeeds(amount, ours),
      note: "with the text of each article without its markup",
    },
    { name: "rss-parser", optional: true, run: (amount) => overFeeds(amount, theirs) },
  ],
};

/** A megabyte of what people wrote: the visible text of home pages. */
let text: string | undefined;

function megabyte(): string {
  if (text !== undefined) return text;
  const folder = join(dirname(fileURLToPath(import.meta.resolve("htmlparser-benchmark/package.json"))), "files");
  let all = "";
  for (const name of readdirSync(folder).toSorted()) {
    if (name.endsWith(".html")) all += `${readPage(decode(readFileSync(join(folder, name))).text).text}\n`;
  }
  // Bytes and not characters are what a rate is spoken of in.
  return (text = decode(Buffer.from(all).subarray(0, 1_000_000)).text);
}

function overText(amount: number, count: (text: string) => number): number {
  const all = megabyte();
  const begun = busy();
  for (let at = 0; at < amount; at++) if (count(all) < 100_000) throw new Error("most of the words were not found");
  return busy() - begun;
}

/** Words and how often each is said, in a Map. */
export const countingWords: Workload = {
  name: "words",
  title: "count the words of a megabyte of text",
  unit: "ns",
  amount: 10,
  step: 1,
  slices: 5,
  contestants: [
    {
      name: "Rondo",
      run: async (amount) =>
        overText(amount, (all) => {
          let words = 0;
          for (const count of countWords(all).values()) words += count;
          return words;
        }),
    },
    {
      name: "Intl.Segmenter",
      run: async (amount) =>
        overText(amount, (all) => {
          const segmenter = new Intl.Segmenter("en", { granularity: "word" });
          const counts = new Map<string, number>();
          let words = 0;
          for (const { segment, isWordLike } of segmenter.segment(all.toLowerCase())) {
            if (isWordLike !== true) continue;
            words++;
            counts.set(segment, (counts.get(segment) ?? 0) + 1);
          }
          return words;
        }),
    },
  ],
};
