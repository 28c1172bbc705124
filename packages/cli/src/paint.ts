// Colours, where somebody can see them: on a terminal, unless NO_COLOR says otherwise (no-color.org).
//
// What tells one series of a chart from another are colours that are told apart with any kind of colour vision (Okabe
// and Ito, "Color Universal Design", 2008), and never colours alone: see chart/marks.ts. Of their eight, black is left
// out, which half of all terminals could not show. They are said as the nearest of the 256 colours that terminals know.

/** Wraps text in colours, or leaves it as it is. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  /** The colour of a chart's series, the first being 0; they come again after seven. */
  series(index: number, text: string): string;
}

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

/** Okabe and Ito's colours with their place among the 256, those first that are seen best on black and on white alike. */
export const SERIES: readonly { readonly name: string; readonly rgb: number; readonly code: number }[] = [
  { name: "sky blue", rgb: 0x56b4e9, code: 74 },
  { name: "orange", rgb: 0xe69f00, code: 178 },
  { name: "bluish green", rgb: 0x009e73, code: 36 },
  { name: "reddish purple", rgb: 0xcc79a7, code: 175 },
  { name: "vermilion", rgb: 0xd55e00, code: 166 },
  { name: "blue", rgb: 0x0072b2, code: 25 },
  { name: "yellow", rgb: 0xf0e442, code: 221 },
];

const wrap =
  (name: keyof typeof CODES, colours: boolean) =>
  (text: string): string =>
    colours ? `\u001B[${CODES[name][0]}m${text}\u001B[${CODES[name][1]}m` : text;

/** A paint that paints, or one that does not. */
export function paint(colours: boolean): Paint {
  return {
    bold: wrap("bold", colours),
    dim: wrap("dim", colours),
    red: wrap("red", colours),
    green: wrap("green", colours),
    yellow: wrap("yellow", colours),
    cyan: wrap("cyan", colours),
    series: (index, text) =>
      colours ? `\u001B[38;5;${SERIES[index % SERIES.length]?.code ?? 0}m${text}\u001B[39m` : text,
  };
}
