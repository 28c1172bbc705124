// Why a command is not carried out, as a person is told: what was wrong, and what to do about it.

/** Thrown by a command that cannot do what was asked. It is printed without a stack, and the program ends with its status. */
export abstract class CommandError extends Error {
  /** What to do about it. */
  readonly hint: string;
  abstract readonly status: number;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Thrown for a command line that cannot be carried out; its hint says what to type instead. */
export class UsageError extends CommandError {
  override readonly name = "UsageError";
  readonly status = 2;
}

/** The candidate that is most like what was typed, if one is like it at all: at most a third of its letters differ. */
export function nearest(typed: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const distance = editDistance(typed, candidate);
    if (distance < least && distance <= Math.max(1, Math.floor(candidate.length / 3))) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Letters to insert, remove, replace, or swap with their neighbour (Damerau, 1964), one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (before[j - 2] as number) + 1);
      }
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}
