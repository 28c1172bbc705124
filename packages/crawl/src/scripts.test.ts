// Pages in the scripts of the world, from bytes to their commonest words: cut where their readers would cut them, and
// without the words that every text has.

import { expect, test } from "vitest";
import { type Document, readDocument, tally, TermCounter, TopWords } from "./index.ts";

const page = (language: string, text: string): Document =>
  readDocument(new TextEncoder().encode(`<html lang=${language}><title>${text}</title>`), {
    url: "https://a.example/",
  });

function commonest(document: Document): string[] {
  const top = new TopWords();
  tally(document, new TermCounter([]), top);
  return top.top(100).map(({ word }) => word);
}

test.each([
  [
    "zh",
    "北京今天的天气很好，我们在公园里散步。这是一个关于气候变化的故事。",
    "北京 天气 公园 散步 气候 变化 故事",
    "的 是 在 这 我们 一个",
  ],
  [
    "ja",
    "今日は東京で雨が降っています。これは気候変動についてのニュースです。",
    "今日 東京 雨 気候 変動 ニュース",
    "は で が これ について の です",
  ],
  ["th", "วันนี้ฝนตกหนักที่กรุงเทพ และจะมีฝนในวันพรุ่งนี้", "ฝน ตกหนัก กรุงเทพ พรุ่ง", "และ จะ มี ใน ที่"],
  ["lo", "ມື້ນີ້ຝົນຕົກຢູ່ວຽງຈັນ", "ມື້ນີ້ ຝົນຕົກ ວຽງຈັນ", ""],
  ["km", "ថ្ងៃនេះមានភ្លៀងធ្លាក់នៅភ្នំពេញ", "ភ្លៀង ធ្លាក់ ភ្នំពេញ", ""],
  ["my", "ယနေ့ရန်ကုန်မြို့တွင်မိုးရွာသည်", "ယနေ့ မြို့", ""],
  ["ar", "هطلت الأمطار اليوم في القاهرة، وهذا خبر عن المناخ من مصر", "هطلت الأمطار القاهرة خبر المناخ مصر", "في عن من"],
  ["he", "היום יורד גשם בתל אביב, וזה סיפור על האקלים של ישראל", "יורד גשם אביב סיפור האקלים ישראל", "על של"],
  [
    "fa",
    "امروز در تهران باران می\u200Cبارد و این خبر درباره اقلیم است",
    "تهران باران می\u200Cبارد خبر اقلیم",
    "در و این است",
  ],
  ["hi", "आज दिल्ली में बारिश हुई और यह जलवायु के बारे में समाचार है", "दिल्ली बारिश जलवायु समाचार", "में और यह के है"],
  ["ko", "오늘 서울에 비가 내렸고 기후에 관한 뉴스이다 그리고", "서울에 내렸고 기후에 뉴스이다", "관한 그리고"],
  ["ru", "Сегодня в Москве дождь, и это новость о климате", "дождь москве новость климате", "в и это о"],
  ["el", "Σήμερα βρέχει στην Αθήνα και αυτό είναι μια είδηση", "βρέχει αθήνα είδηση", "στην και αυτό είναι μια"],
  ["tr", "Bugün İzmir'de yağmur var ve bu iklim için bir haber", "yağmur iklim haber", "ve bu için bir"],
  ["vi", "Hôm nay trời mưa và các tin này là của Hà Nội", "trời mưa", "các này là của"],
  [
    "de",
    "Heute regnet es in München, und das ist eine Nachricht",
    "regnet münchen nachricht",
    "es in und das ist eine",
  ],
])("%s: words are cut and common ones left out", (language, text, telling, common) => {
  const found = commonest(page(language, text));
  expect(found).toEqual(expect.arrayContaining(telling.split(" ")));
  for (const word of common.split(" ")) expect(found).not.toContain(word);
});

test.each([
  ["ja", "東京都の天気。東京の雨", "東京", 2],
  ["zh", "气候变化与气候", "气候", 2],
  ["zh", "气候变化与气候", "气候变化", 1],
  ["th", "ฝนตกหนัก มีฝน", "ฝน", 2],
  ["ar", "المُنَاخ المناخ", "المناخ", 1],
  ["he", "האקלים, האקלים!", "האקלים", 2],
  ["hi", "जलवायु, जलवायु।", "जलवायु", 2],
  ["ko", "기후 변화와 기후", "기후", 2],
  ["ja", "ｼｽﾃﾑのシステム", "システム", 2],
  ["zh", "ＡＩ和AI", "ai", 2],
  ["tr", "İSTANBUL İstanbul istanbul", "İstanbul", 3],
  ["el", "ΟΔΟΣ οδός οδος", "οδος", 2],
])("%s: a term is found as it is written (%s, %s)", (language, text, term, count) => {
  expect(tally(page(language, text), new TermCounter([term])).mentions).toEqual([count]);
});
