// Colours, where somebody can see them: on a terminal, unless NO_COLOR says otherwise (no-color.org).

/** Wraps text in colours, or leaves it as it is. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

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
  };
}
