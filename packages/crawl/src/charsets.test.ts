// Feeds and pages in the charsets of their countries, as the bytes that would come: what is named, what is named wrong, and
// what is cut in the middle of a character.

import { run } from "rondo";
import { describe, expect, test } from "vitest";
import { encode } from "../tests/encode.ts";
import { serve } from "../tests/serve.ts";
import { type Document, News, type Outcome, parseSource, readDocument } from "./index.ts";

/** Charset, how feeds name it, language, title, text. */
const TEXTS = [
  ["windows-1251", "windows-1251", "ru", "Новости дня", "Сегодня в Москве прошёл дождь, а завтра обещают снег"],
  ["koi8-r", "KOI8-R", "ru", "Новости дня", "Сегодня в Москве прошёл дождь, а завтра обещают снег"],
  ["iso-8859-5", "ISO-8859-5", "ru", "Новости дня", "Сегодня в Москве прошёл дождь, а завтра обещают снег"],
  ["windows-1250", "windows-1250", "pl", "Wiadomości", "Zażółć gęślą jaźń, mówi źródło"],
  ["iso-8859-2", "ISO-8859-2", "cs", "Zprávy", "Příliš žluťoučký kůň úpěl ďábelské ódy"],
  ["windows-1252", "ISO-8859-1", "fr", "L’été à Noël", "“Déjà vu” – c’est la crème brûlée à 5 €"],
  ["iso-8859-15", "ISO-8859-15", "fr", "Le cœur", "Un œuf à 5 €"],
  ["windows-1253", "windows-1253", "el", "Νέα της ημέρας", "Σήμερα βρέχει στην Αθήνα"],
  ["windows-1254", "ISO-8859-9", "tr", "Günün haberi", "Bugün İstanbul'da yağmur var, ışık söndü"],
  ["windows-1255", "windows-1255", "he", "חדשות היום", "היום יורד גשם בתל אביב"],
  ["windows-1256", "windows-1256", "ar", "أخبار اليوم", "هطلت الأمطار اليوم في القاهرة"],
  ["windows-874", "TIS-620", "th", "ข่าววันนี้", "วันนี้ฝนตกหนักที่กรุงเทพ"],
  ["shift_jis", "Shift_JIS", "ja", "今日のニュース", "東京で大雨が降りました。ソフトの表示ｱｲｳ"],
  ["euc-jp", "EUC-JP", "ja", "今日のニュース", "東京で大雨が降りました。明日も雨でしょう"],
  ["iso-2022-jp", "ISO-2022-JP", "ja", "今日のニュース", "東京で大雨が降りました。明日も雨でしょう"],
  ["gb18030", "GB18030", "zh-CN", "今日新闻", "北京今天下雨，明天可能会下雪"],
  ["gbk", "GB2312", "zh-CN", "今日新闻", "北京今天下雨，明天可能会下雪"],
  ["big5", "Big5", "zh-TW", "今日新聞", "臺北今天下雨，明天可能會下雪，許功蓋"],
  ["euc-kr", "KS_C_5601-1987", "ko", "오늘의 뉴스", "서울에 비가 내렸고 내일은 눈이 온다고 한다"],
  ["utf-16le", "UTF-16", "ja", "今日のニュース", "東京で大雨が降りました"],
  ["utf-16be", "UTF-16", "ru", "Новости дня", "Сегодня в Москве прошёл дождь"],
] as const;

/** Not what is usual for their language: nobody would guess them. */
const UNUSUAL = new Set(["iso-8859-5", "iso-8859-2", "iso-8859-15", "koi8-r", "gbk"]);

interface Dress {
  /** In the XML declaration. */
  readonly encoding?: string;
  readonly language?: string;
}

function feed(title: string, text: string, { encoding, language }: Dress): string {
  const said = encoding === undefined ? "" : ` encoding="${encoding}"`;
  const spoken = language === undefined ? "" : `<language>${language}</language>`;
  return `<?xml version="1.0"${said}?><rss version="2.0"><channel><title>${title}</title>${spoken}<item><title>${title}</title><description>${text}</description></item></channel></rss>`;
}

const read = (bytes: Uint8Array, contentType?: string, cut = false): Document =>
  readDocument(bytes, { url: "https://a.example/x", cut, ...(contentType === undefined ? {} : { contentType }) });

describe.each(TEXTS)("%s, named as %s", (charset, label, language, title, text) => {
  const expected = { charset, title, articles: [{ title, text }] };
  const wide = charset.startsWith("utf-16");
  // Two bytes a character show in the zeros, and escapes in themselves, whatever anybody says.
  const shows = wide || charset === "iso-2022-jp";

  test("is read by its header", () => {
    const bytes = encode(feed(title, text, {}), charset);
    expect(read(bytes, `text/xml; charset="${label}"`)).toMatchObject({ ...expected, notes: [] });
  });

  test("is read by what it says itself", () => {
    const bytes = encode(feed(title, text, { encoding: label }), charset);
    expect(read(bytes, "text/xml")).toMatchObject({ ...expected, notes: [] });
  });

  test("is read by what it says itself where the header says ISO-8859-1, as servers do of everything", () => {
    const bytes = encode(feed(title, text, { encoding: label }), charset);
    expect(read(bytes, "text/xml; charset=ISO-8859-1")).toMatchObject(expected);
  });

  test("is read by what it says itself where the header says UTF-8, and the lie is noted", () => {
    const bytes = encode(feed(title, text, { encoding: label }), charset);
    const document = read(bytes, "text/xml; charset=utf-8");
    expect(document).toMatchObject(expected);
    if (!shows)
      expect(document.notes).toEqual([expect.stringContaining("the Content-Type header says utf-8, but byte")]);
  });

  if (!UNUSUAL.has(charset))
    test("is read by its language where nobody names it, or the only name is a lie", () => {
      const bytes = encode(feed(title, text, { language }), charset);
      for (const type of ["text/xml", "text/xml; charset=utf-8"]) {
        expect(read(bytes, type)).toMatchObject(expected);
        if (!shows)
          expect(read(bytes, type).notes.at(-1)).toBe(`read as ${charset}, since it says to be in ${language}`);
      }
    });

  test("is UTF-8 where the bytes are, whoever names it", () => {
    const bytes = Buffer.from(feed(title, text, { encoding: label }));
    const document = read(bytes, `text/xml; charset=${label}`);
    expect(document).toMatchObject({ ...expected, charset: "utf-8" });
    expect(document.notes).not.toEqual([]);
  });

  test("is read up to where it was cut, also in the middle of a character", () => {
    const bytes = encode(`<html><title>${title}</title><p>${text}`, charset);
    const whole = read(bytes, `text/html; charset=${label}`);
    for (let less = 1; less <= 12; less++) {
      const document = read(bytes.subarray(0, bytes.length - less), `text/html; charset=${label}`, true);
      expect(document).toMatchObject({ charset, title, notes: [] });
      expect(whole.articles[0]?.text.startsWith(document.articles[0]?.text ?? "?")).toBe(true);
    }
  });

  if (!wide)
    test("is read in a page by its meta element", () => {
      for (const meta of [
        `<meta charset=${label}>`,
        `<meta http-equiv="Content-Type" content="text/html; charset=${label}">`,
      ]) {
        const bytes = encode(`<html><head>${meta}<title>${title}</title><p>${text}`, charset);
        expect(read(bytes, "text/html")).toMatchObject({ kind: "page", charset, title, notes: [] });
      }
    });
});

test("KOI8-R that nobody names is told from windows-1251, which has its capitals where that has small letters", () => {
  const [title, text] = ["Новости дня", "Сегодня в Москве прошёл дождь"];
  const bytes = encode(feed(title, text, { language: "ru" }), "koi8-r");
  expect(read(bytes)).toMatchObject({ charset: "koi8-u", title, articles: [{ title, text }] });
});

test("four bytes of GB18030 and emoji in UTF-16 are characters like others", () => {
  const rare = Buffer.concat([
    Buffer.from('<?xml version="1.0" encoding="GB18030"?><rss><channel><title>'),
    Uint8Array.from([0x95, 0x32, 0x82, 0x36]),
    Buffer.from("</title><item><title>x</title></item></channel></rss>"),
  ]);
  expect(read(rare)).toMatchObject({ charset: "gb18030", title: "\u{20000}" });
  expect(read(encode(feed("😀 𠀀", "x", {}), "utf-16be"))).toMatchObject({ title: "😀 𠀀" });
});

test.each(["utf-16le", "utf-16be"])("%s is known by its mark, with any label and with none", (charset) => {
  const bytes = encode(`\uFEFF${feed("今日", "雨", { encoding: "utf-16" })}`, charset);
  for (const type of [undefined, "text/xml; charset=utf-16", "text/xml; charset=utf-8", "text/xml; charset=iso-8859-1"])
    expect(read(bytes, type)).toMatchObject({ charset, title: "今日", notes: [] });
});

test("a header of UTF-16 for bytes without a zero in them is a lie", () => {
  const document = read(Buffer.from(feed("plain words", "and more", {})), "text/xml; charset=utf-16");
  expect(document).toMatchObject({ charset: "utf-8", title: "plain words" });
  expect(document.notes).toEqual(["the Content-Type header says utf-16le, but the bytes are UTF-8"]);
});

test("over HTTP the bytes are the same", async () => {
  const named = TEXTS.map(([charset, label, language, title, text]) => ({ charset, label, language, title, text }));
  await using served = await serve((request, response) => {
    const each = named[Number(request.url?.slice(1))] as (typeof named)[number];
    response.writeHead(200, { "content-type": `application/rss+xml; charset=${each.label}` });
    response.end(encode(feed(each.title, each.text, {}), each.charset));
  });
  const news = new News(
    named.map((_, at) => parseSource(`${served.url}/${at}`)),
    { allowPrivate: true, perHost: 30, terms: ["дождь", "東京", "Ἀθήνα", "αθήνα", "ฝน", "비가"], timeout: 60_000 },
  );
  await run(() => news.work());
  const outcomes: readonly Outcome[] = news.outcomes;
  expect(new Set(outcomes.map(({ ok }) => ok))).toEqual(new Set([true]));
  for (const outcome of outcomes)
    expect(outcome).toMatchObject(
      (({ charset, title }) => ({ charset, title }))(
        named[Number(new URL(outcome.source.url).pathname.slice(1))] as (typeof named)[number],
      ),
    );
  expect(news.report().totals.mentions.map(({ count }) => count)).toEqual([4, 4, 0, 1, 1, 1]);
});
