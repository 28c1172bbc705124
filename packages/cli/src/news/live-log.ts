// Progress where there is no terminal: a line for each source as it ends, for whoever reads the log. When they come faster
// than anybody reads, sources that went well are counted instead of named; a failure is never left out.

import { type Coroutine, now, sleep } from "rondo";
import type { Output } from "../io.ts";
import { count, counted, time } from "../text.ts";
import { shortAddress } from "./live-headlines.ts";
import { said } from "./live-spans.ts";
import { type LiveOutcome, type LiveRun, newlyEnded } from "./live-state.ts";

/** In ms: how often it is looked. */
const LOOK = 500;
/** Lines for sources that went well: this many at once, and this many a second afterwards. */
const BURST = 20;
const A_SECOND = 4;

/** Writes lines, each with the time since the beginning, until it is cancelled; what has happened by then is still written. */
export function* logEvents(run: LiveRun, output: Output): Coroutine<void> {
  const begun = now();
  const ended = newlyEnded(run);
  let allowance = BURST;
  let unnamed = 0;
  const flush = (last: boolean): void => {
    const stamp = time(now() - begun);
    let text = "";
    for (const outcome of ended()) {
      if (outcome.ok && allowance < 1) unnamed++;
      else text += `${stamp}: ${describe(outcome)}\n`;
      if (outcome.ok && allowance >= 1) allowance--;
    }
    // Named again as soon as there is room; until then they add up.
    if (unnamed > 0 && (last || allowance >= 1)) {
      text += `${stamp}: ${counted(unnamed, "more source")} read\n`;
      unnamed = 0;
      allowance--;
    }
    if (text !== "") output.write(text);
  };
  try {
    for (;;) {
      yield* sleep(LOOK);
      flush(false);
      allowance = Math.min(BURST, allowance + (A_SECOND * LOOK) / 1000);
    }
  } finally {
    flush(true);
  }
}

/** `The Guardian: 30 articles, 1.2 s`. */
export function describe({ source, title, elapsed, articles, fresh, failure }: LiveOutcome): string {
  const name = said(source.name ?? title ?? shortAddress(source.url));
  if (failure !== undefined) {
    const beneath = failure.cause === undefined ? "" : ` (${said(failure.cause)})`;
    return `${name}: failed, ${failure.kind}: ${said(failure.message)}${beneath}`;
  }
  const read = articles === undefined ? "nothing new" : counted(articles, "article");
  return `${name}: ${read}${fresh === undefined ? "" : `, ${count(fresh)} new`}, ${time(elapsed)}`;
}
