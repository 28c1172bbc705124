// What the live view looks like: from what is known of a run and the size of a window to the lines that fill it. Plain
// data in and text out; it knows no time and no terminal.
//
// A window may be any size. What matters most stands first: the counts, how far it is, then one line each of what takes
// longest, what failed and what is new; the room that is left goes to them in turn.

import type { Paint } from "../paint.ts";
import { count, counted, pad, size, time, width } from "../text.ts";
import type { Marker } from "./live-marks.ts";
import { line, said, type Span, widthOf } from "./live-spans.ts";

/** What is known of a run at one moment. Times in ms. */
export interface View {
  readonly counts: Counts;
  readonly bytes: number;
  /** Bytes a second; `undefined` while it would mean nothing. */
  readonly rate: number | undefined;
  /** `undefined` while it would be a guess. */
  readonly left: { readonly ms: number; readonly atMost: boolean } | undefined;
  /** Of a run without an end, instead of how far it is. */
  readonly watching?: { readonly sources: number; readonly next: number | undefined } | undefined;
  /** Which picture of the spinner; `undefined`: nothing moves. */
  readonly spinner: number | undefined;
  /** What there is to say beside the counts: what it waits for, or that it stops. */
  readonly note: string | undefined;
  /** What runs now, the slowest first. */
  readonly slowest: readonly { readonly name: string; readonly stage: string; readonly ms: number }[];
  /** The newest first. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
  /** The newest first. */
  readonly headlines: readonly { readonly source: string; readonly title: string }[];
}

/** Sources, by what is the matter with them. */
export interface Counts {
  readonly total: number;
  readonly waiting: number;
  readonly running: number;
  readonly backingOff: number;
  readonly done: number;
  readonly unchanged: number;
  readonly notDue: number;
  readonly failed: number;
}

/** A window. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/** Lines at most, however tall the window is. */
const TALLEST = 24;
/** From this height on there is room for titles and empty lines between the parts. */
const ROOMY = 15;
const MOST = { slowest: 4, failures: 4, headlines: 10 };

/** The lines of the view. Never more than fit, none wider than its window; the last row and the last column stay free. */
export function frame(view: View, { columns, rows }: Size, paint: Paint, marker: Marker): string[] {
  const wide = Math.max(1, columns - 1);
  const tall = Math.max(1, Math.min(rows - 1, TALLEST));
  const head = [
    status(view, wide, paint),
    view.watching === undefined ? bar(view, wide, paint) : watch(view, paint),
  ].slice(0, tall);
  const roomy = tall >= ROOMY;
  const parts: Part[] = [
    { title: "Now", items: slowest(view, wide, paint), most: MOST.slowest },
    { title: "Failed", items: failed(view, paint), most: MOST.failures },
    { title: "New", items: headlines(view, wide, paint, marker), most: MOST.headlines },
  ].filter((part) => part.items.length > 0);
  const room = tall - head.length - (roomy ? 2 * parts.length : 0);
  const lines = head.map((spans) => line(spans, wide));
  for (const [at, share] of shares(parts, room).entries()) {
    const { title, items } = parts[at] as Part;
    if (share > 0 && roomy) lines.push("", line([{ text: ` ${title}`, style: paint.bold }], wide));
    for (const item of items.slice(0, share)) lines.push(line(item, wide));
  }
  return lines;
}

interface Part {
  readonly title: string;
  readonly items: readonly (readonly Span[])[];
  readonly most: number;
}

/** How many lines each part gets: one in turn, until there is no more room or no more to say. */
function shares(parts: readonly Part[], room: number): number[] {
  const given = parts.map(() => 0);
  for (let left = room, before = -1; left > 0 && left !== before;) {
    before = left;
    for (const [at, { items, most }] of parts.entries()) {
      if (left === 0 || (given[at] as number) >= Math.min(items.length, most)) continue;
      given[at] = (given[at] as number) + 1;
      left--;
    }
  }
  return given;
}

/** ` ⠹ 64 running · 3 waiting · 190 done · 1 failed`, or in short where that is too wide. */
function status(view: View, wide: number, paint: Paint): Span[] {
  const { running, backingOff, waiting, done, unchanged, notDue, failed: lost } = view.counts;
  const mark = view.spinner === undefined ? "·" : (SPINNER[view.spinner % SPINNER.length] as string);
  const lead: Span[] = [{ text: " " }, { text: mark, style: paint.cyan }, { text: " " }];
  const say = (n: number, words: string, style?: Span["style"]): Span => ({ text: `${count(n)} ${words}`, style });
  const note = view.note === undefined ? [] : [{ text: said(view.note), style: paint.yellow }];
  const all = [
    say(running, `running${backingOff > 0 ? ` (${count(backingOff)} to try again)` : ""}`),
    ...(waiting > 0 ? [say(waiting, "waiting")] : []),
    say(done, "done", paint.green),
    ...(unchanged > 0 ? [say(unchanged, "unchanged")] : []),
    ...(notDue > 0 ? [say(notDue, "not due", paint.dim)] : []),
    ...(lost > 0 ? [say(lost, "failed", paint.red)] : []),
    ...note,
  ];
  const long = [...lead, ...between(all, " · ")];
  if (widthOf(long) <= wide) return long;
  const settled = done + unchanged;
  const short = [
    { text: `${count(settled)}/${count(view.counts.total - notDue)}`, style: paint.green },
    ...(lost > 0 ? [{ text: `${count(lost)} ✗`, style: paint.red }] : []),
    ...note,
  ];
  return [...lead, ...between(short, " · ")];
}

function between(spans: readonly Span[], separator: string): Span[] {
  return spans.flatMap((span, at) => (at === 0 ? [span] : [{ text: separator }, span]));
}

/** ` ━━━━━━╌╌╌╌ 62 %   12 MB   1.4 MB/s   about 8 s left`. */
function bar(view: View, wide: number, paint: Paint): Span[] {
  const { total, notDue, failed: lost, done, unchanged } = view.counts;
  const asked = total - notDue;
  const part = (n: number): number => (asked <= 0 ? 0 : Math.min(1, n / asked));
  const share = asked <= 0 ? 1 : part(done + unchanged + lost);
  // Never 100 % before it is.
  const percent = `${Math.floor(share * 100)} %`;
  const facts = [
    size(view.bytes),
    ...(view.rate === undefined ? [] : [`${size(Math.round(view.rate))}/s`]),
    ...(view.left === undefined ? [] : [`${view.left.atMost ? "at most" : "about"} ${wholeTime(view.left.ms)} left`]),
  ];
  // What finds no room beside a bar that can be read is left out as a whole.
  const room = wide - 2 - percent.length;
  while (facts.length > 0 && facts.join("   ").length + 2 > room - SHORTEST_BAR) facts.pop();
  const rest = facts.length === 0 ? "" : `  ${facts.join("   ")}`;
  const length = Math.max(0, Math.min(40, room - rest.length));
  const full = Math.floor(share * length);
  // What failed shows as soon as anything did, without making the whole longer.
  const red = Math.min(full, lost > 0 ? Math.max(1, Math.round(part(lost) * length)) : 0);
  return [
    { text: " " },
    { text: "━".repeat(full - red), style: paint.green },
    { text: "━".repeat(red), style: paint.red },
    { text: "╌".repeat(length - full), style: paint.dim },
    { text: ` ${percent}` },
    { text: rest, style: paint.dim },
  ];
}

/** ` 42 sources watched   12 MB   next in 4 min`. */
function watch({ bytes, rate, watching, counts }: View, paint: Paint): Span[] {
  const isIdle = counts.running + counts.waiting === 0;
  const facts = [
    size(bytes),
    ...(rate === undefined ? [] : [`${size(Math.round(rate))}/s`]),
    ...(isIdle && watching?.next !== undefined ? [`next in ${wholeTime(Math.max(1000, watching.next))}`] : []),
  ];
  return [
    { text: ` ${counted(watching?.sources ?? 0, "source")} watched` },
    { text: `   ${facts.join("   ")}`, style: paint.dim },
  ];
}

const SHORTEST_BAR = 8;

/** A time that is a guess has no tenths. */
function wholeTime(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms / 1000)} s` : time(ms);
}

function slowest(view: View, wide: number, paint: Paint): Span[][] {
  return view.slowest.map(({ name, stage, ms }) => {
    const ending = ` ${pad(time(ms), 6, "right")}`;
    const what = wide < 60 ? "" : `  ${pad(stage, 20)}`;
    const room = Math.max(4, Math.min(48, wide - 3 - width(ending) - width(what)));
    const shown = line([{ text: said(name) }], room);
    return [
      { text: "   " },
      { text: pad(shown, room) },
      { text: what, style: paint.dim },
      { text: ending, style: ms >= SLOW ? paint.yellow : paint.dim },
    ];
  });
}

/** In ms: what takes longer than this is worth a glance. */
const SLOW = 5000;

function failed(view: View, paint: Paint): Span[][] {
  return view.failures.map(({ name, message }) => [
    { text: " " },
    { text: "✗", style: paint.red },
    { text: ` ${said(name)}: ` },
    { text: said(message), style: paint.yellow },
  ]);
}

function headlines(view: View, wide: number, paint: Paint, marker: Marker): Span[][] {
  // Where there are no colours the marks are characters.
  const mark = paint.bold("x") === "x" ? undefined : (text: string): string => paint.bold(paint.yellow(text));
  const room = Math.min(22, Math.floor(wide / 4));
  return view.headlines.map(({ source, title }) => {
    const spans = marker.spans(said(title), mark ?? ((text) => text));
    const marked = mark === undefined ? spans.map((span) => (span.style ? { text: `*${span.text}*` } : span)) : spans;
    const from = room < 8 ? [] : [{ text: pad(line([{ text: said(source) }], room), room + 1), style: paint.dim }];
    return [{ text: "   " }, ...from, ...marked];
  });
}
