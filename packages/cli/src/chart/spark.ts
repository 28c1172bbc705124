// Sparklines (Tufte, 2006): a series in a line of text, each on a scale of its own from 0 to its largest value. What was
// not measured is no zero: it is a gap, and looks like one.

/** Eight heights; the lowest is for 0 alone, so that something never looks like nothing. */
const BLOCKS = "▁▂▃▄▅▆▇█";
const ASCII_BLOCKS = "_-~=+*%#";
const GAP = "·";
const ASCII_GAP = ".";

/** A series as one line of at most `columns` signs. `undefined` is a gap. */
export function spark(values: readonly (number | undefined)[], columns: number, unicode = true): string {
  const shown = shrink(values, columns);
  const most = Math.max(0, ...shown.map((value) => value ?? 0));
  const blocks = unicode ? BLOCKS : ASCII_BLOCKS;
  return shown
    .map((value) => {
      if (value === undefined) return unicode ? GAP : ASCII_GAP;
      const height = value <= 0 ? 0 : Math.max(1, Math.round((value / most) * (blocks.length - 1)));
      return blocks[height];
    })
    .join("");
}

/** How many values one sign stands for, where there are more of them than columns. */
export function perSign(values: number, columns: number): number {
  return Math.max(1, Math.ceil(values / Math.max(1, columns)));
}

/** Neighbours put together, by their mean, until there is room. Those at the end are full: they are the latest ones. */
export function shrink(values: readonly (number | undefined)[], columns: number): (number | undefined)[] {
  const each = perSign(values.length, columns);
  if (each === 1) return [...values];
  const shown: (number | undefined)[] = [];
  for (let end = values.length; end > 0; end -= each) {
    const known = values.slice(Math.max(0, end - each), end).filter((value) => value !== undefined);
    shown.push(known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length);
  }
  return shown.toReversed();
}
