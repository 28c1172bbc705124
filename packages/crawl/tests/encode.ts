// Text in the charsets of other times, for tests: the platform decodes them and does not encode them, so each is turned
// round once, by decoding everything that it can say.

const tables = new Map<string, ReadonlyMap<string, readonly number[]>>();

/** The bytes of a text in a charset of one or two bytes a character, or in ISO-2022-JP, or in UTF-16 (`le` and `be`). */
export function encode(text: string, charset: string): Uint8Array {
  if (charset === "utf-16le" || charset === "utf-16be") {
    const bytes = Buffer.from(text, "utf16le");
    return charset === "utf-16be" ? bytes.swap16() : bytes;
  }
  if (charset === "iso-2022-jp") return escaped(text);
  const table = tableOf(charset);
  return Uint8Array.from(
    [...text].flatMap((character) => {
      const bytes = table.get(character);
      if (bytes === undefined) throw new Error(`there is no ${character} in ${charset}`);
      return bytes;
    }),
  );
}

function tableOf(charset: string): ReadonlyMap<string, readonly number[]> {
  const known = tables.get(charset);
  if (known !== undefined) return known;
  const decoder = new TextDecoder(charset);
  const table = new Map<string, readonly number[]>();
  const add = (...bytes: number[]): void => {
    const text = decoder.decode(Uint8Array.from(bytes));
    if ([...text].length === 1 && text !== "\uFFFD" && !table.has(text)) table.set(text, bytes);
  };
  for (let byte = 0; byte < 256; byte++) add(byte);
  for (let first = 0x81; first < 0xff; first++) for (let second = 0x40; second < 0xff; second++) add(first, second);
  tables.set(charset, table);
  return table;
}

/** JIS X 0208 is what EUC-JP has with the highest bits set. */
function escaped(text: string): Uint8Array {
  const bytes: number[] = [];
  let wide = false;
  for (const character of text) {
    const code = encode(character, "euc-jp");
    if ((code.length === 2) !== wide) bytes.push(0x1b, ...(wide ? [0x28, 0x42] : [0x24, 0x42]));
    wide = code.length === 2;
    bytes.push(...code.map((byte) => byte & 0x7f));
  }
  if (wide) bytes.push(0x1b, 0x28, 0x42);
  return Uint8Array.from(bytes);
}
