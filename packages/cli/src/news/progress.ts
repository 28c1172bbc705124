// Progress while it runs, on standard error: one line that is rewritten where there is a terminal, a line every few
// seconds where there is none. It looks at the run's numbers; the run does not know of it.

import { type Coroutine, now, sleep } from "rondo";
import type { Progress } from "@rondo/crawl";
import { columnsOf, type Output } from "../io.ts";
import type { Paint } from "../paint.ts";
import { count, fit, size, time } from "../text.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/** In ms. */
const ON_TERMINAL = 80;
const IN_LOG = 5000;

/** Shows progress until it is cancelled, and leaves a clean line behind. */
export function* showProgress(progress: Progress, output: Output, paint: Paint): Coroutine<void> {
  const begun = now();
  if (output.isTTY !== true) {
    for (;;) {
      yield* sleep(IN_LOG);
      output.write(`${time(now() - begun)}: ${describe(progress)}\n`);
    }
  }
  try {
    for (let frame = 0; ; frame++) {
      const spinner = paint.cyan(FRAMES[frame % FRAMES.length] as string);
      const line = fit(` ${bar(progress)} ${describe(progress)}`, columnsOf(output) - 3);
      output.write(`\r\u001B[2K ${spinner}${line}`);
      yield* sleep(ON_TERMINAL);
    }
  } finally {
    output.write("\r\u001B[2K");
  }
}

/** `3 waiting · 64 running · 190 done · 1 failed · 12 MB`. */
export function describe(progress: Progress): string {
  const { waiting, running, backingOff, done, failed, bytes } = progress;
  const retrying = backingOff > 0 ? ` (${count(backingOff)} to try again)` : "";
  return `${count(waiting)} waiting · ${count(running)} running${retrying} · ${count(done)} done · ${count(failed)} failed · ${size(bytes)}`;
}

function bar(progress: Progress): string {
  const length = 20;
  const full =
    progress.total === 0 ? length : Math.floor(((progress.done + progress.failed) / progress.total) * length);
  return "━".repeat(full) + "╌".repeat(length - full);
}
