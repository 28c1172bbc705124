import * as fc from "fast-check";
import { expect, test } from "vitest";
import { eachWord, fold } from "./words.ts";

function words(text: string): string[] {
  const found: string[] = [];
  eachWord(fold(text), { word: (word) => found.push(word) });
  return found;
}

test("case, width and composition make no difference", () => {
  expect(words("Paris PARIS Ｐａｒｉｓ")).toEqual(["paris", "paris", "paris"]);
  expect(fold("cafe\u0301")).toBe(fold("CAFÉ"));
  expect(fold("ΣΊΣΥΦΟΣ")).toBe(fold("σίσυφος"));
  expect(fold("İstanbul")).toBe("istanbul");
  expect(fold("ﬁnance")).toBe("finance");
});

test("a soft hyphen is no part of a word", () => {
  expect(words("Donau\u00ADdampf\u00ADschiff")).toEqual(["donaudampfschiff"]);
});

test("punctuation, dashes, underscores and symbols end words", () => {
  expect(words("end.Start well-known a_b #tag @you 1€ — “quoted”… (x) 👍yes")).toEqual(
    "end start well known a b tag you 1 quoted x yes".split(" "),
  );
});

test("numbers keep their points and commas, and only those inside", () => {
  expect(words("1,234.5, then 7. and v2")).toEqual(["1,234.5", "then", "7", "and", "v2"]);
});

test("an apostrophe within a word stays, the possessive and elided articles go", () => {
  expect(words("don't don’t rock'n'roll rock’n’roll O'Brien's l'économie dell’arte qu'il 'quoted' dogs'")).toEqual(
    "don't don't rock'n'roll rock'n'roll o'brien économie arte il quoted dogs".split(" "),
  );
});

test("combining marks and vowel signs belong to their word", () => {
  expect(words("हिन्दी में समाचार")).toEqual(["हिन्दी", "में", "समाचार"]);
  expect(words("مَدْرَسَة")).toHaveLength(1);
  expect(words("می‌خواهم")).toHaveLength(1);
});

test("Japanese, Chinese, Thai, Lao, Khmer and Burmese are cut by their dictionaries", () => {
  expect(words("今日は東京で雨")).toEqual(["今日", "は", "東京", "で", "雨"]);
  expect(words("我们在北京")).toEqual(["我们", "在", "北京"]);
  expect(words("ภาษาไทยสวยงาม")).toEqual(["ภาษา", "ไทย", "สวยงาม"]);
  for (const text of ["ສະບາຍດີປະເທດລາວ", "ប្រទេសកម្ពុជាជាប្រទេស", "မြန်မာနိုင်ငံသည်အာရှ"]) {
    const found = words(text);
    expect(found.length).toBeGreaterThan(1);
    expect(found.join("")).toBe(fold(text));
  }
});

test("scripts mix in one text, each cut by its own rules", () => {
  expect(words("OpenAIは東京にofficeを")).toEqual(["openai", "は", "東京", "に", "office", "を"]);
  expect(words("한국의 수도 서울")).toEqual(["한국의", "수도", "서울"]);
});

test("characters beyond the first plane are letters where Unicode says so", () => {
  expect(words("𐌰𐌱 x 😀 y")).toEqual(["𐌰𐌱", "x", "y"]);
  expect(words("𠮷野家").join("")).toBe("𠮷野家");
  expect(words("\uD83D lone \uDE00 halves")).toEqual(["lone", "halves"]);
});

test("each word lies in the text where the sink is told it does", () => {
  const text = fold("Un été à “Paris”, 東京 and 2.5");
  eachWord(text, { word: (word, start, end) => expect(text.slice(start, end)).toBe(word) });
});

test("words between spaces are the words Intl.Segmenter finds", () => {
  const segmenter = new Intl.Segmenter("en", { granularity: "word" });
  const word = fc.stringMatching(
    /^(?:[a-z]{1,9}|[а-я]{1,9}|[α-ρτ-ω]{1,9}|[א-ת]{1,9}|[ا-ي]{1,9}|[가-힣]{1,5}|[0-9]{1,5}|[à-öø-ÿ]{1,4})$/,
  );
  const gap = fc.constantFrom(" ", "  ", ", ", "; ", " - ", "\n", " (", ") ", "! ", "? ", " “", "” ", " | ");
  fc.assert(
    fc.property(fc.array(fc.tuple(word, gap), { maxLength: 20 }), (parts) => {
      const text = fold(parts.flat().join(""));
      const expected = Array.from(segmenter.segment(text)).filter((part) => part.isWordLike === true);
      expect(words(text)).toEqual(expected.map((part) => part.segment));
    }),
  );
});

test("no text at all makes it stumble", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const folded = fold(text);
      let last = 0;
      let sound = true;
      const word = (found: string, start: number, end: number): void => {
        sound &&= start >= last && end > start && end <= folded.length && found.length > 0;
        last = end;
      };
      eachWord(folded, { word });
      return sound;
    }),
  );
});

test("folding twice is folding once", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => fold(fold(text)) === fold(text)));
});
