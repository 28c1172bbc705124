// The last run as a waterfall: a row for each source, and in it when it waited, connected, downloaded and was parsed. Only
// the rows that are seen are drawn, so ten thousand cost no more than twenty.

import {
  data,
  $,
  state,
  make,
  count,
  size,
  time,
  exact,
  nameOf,
  scheme,
  ink,
  SVG,
  table,
  behind,
  lengthOf,
} from "./elements.js";

const STAGES = [
  { key: "turn", says: "waited for its turn", light: "#c9c7bf", dark: "#4a515a" },
  { key: "connect", says: "looked up and connected", light: "#e69f00", dark: "#e69f00" },
  { key: "answer", says: "waited for the answer", light: "#56b4e9", dark: "#56b4e9" },
  { key: "download", says: "downloaded", light: "#009e73", dark: "#009e73" },
  { key: "read", says: "parsed and counted", light: "#cc79a7", dark: "#cc79a7" },
];
const ROW = 19;
const HEAD = 22;
/** As in page.css. */
const TALLEST = 326;

/** Begin and end of each stage that was reached, in ms after the run's begin. The last one lasts until the end. */
function stagesOf({ begun, asked, connected, answered, downloaded, ended }) {
  const begins = [begun, asked, connected ?? (answered === undefined ? undefined : asked), answered, downloaded];
  const parts = [];
  for (const [at, from] of begins.entries()) {
    if (from === undefined) continue;
    const to = begins.slice(at + 1).find((begin) => begin !== undefined) ?? ended;
    if (to > from) parts.push({ stage: STAGES[at], from, to });
  }
  return parts;
}

export function waterfall() {
  const { run } = data;
  const box = $("waterfall");
  if (run === undefined || run.fetches.length === 0) {
    $("run-about").textContent = "There has been none.";
    box.hidden = true;
    $("run-row").hidden = true;
    return () => {};
  }
  const collator = new Intl.Collator("en", { numeric: true });
  const took = ({ timing }) => timing.ended - timing.begun;
  const orders = {
    begun: (a, b) => a.timing.begun - b.timing.begun || a.timing.ended - b.timing.ended,
    slow: (a, b) => took(b) - took(a),
    big: (a, b) => b.bytes - a.bytes,
    name: (a, b) => collator.compare(nameOf(a), nameOf(b)),
  };
  const states = [
    ["done", "read"],
    ["unchanged", "unchanged"],
    ["failed", "failed"],
  ]
    .map(([state, says]) => [run.fetches.filter((fetch) => fetch.state === state).length, says])
    .filter(([n]) => n > 0)
    .map(([n, says]) => `${count(n)} ${says}`);
  $("run-about").textContent =
    `${exact.format(run.at)} UTC · ${states.join(" · ")}${run.ended === undefined ? " · it was not finished" : ""}`;
  $("run-controls").hidden = false;
  const end = Math.max(1, lengthOf(run));
  let rows = run.fetches.toSorted(orders.begun);
  let selected = -1;

  const canvas = make("canvas", { "aria-hidden": "true" });
  const spacer = make("div");
  box.append(canvas, spacer);
  const view = () =>
    state.printing ? Math.min(rows.length, 40) * ROW + HEAD : Math.min(TALLEST, rows.length * ROW + HEAD);

  function draw() {
    const width = box.clientWidth;
    const height = view();
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
    const c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    const family = getComputedStyle(document.body).fontFamily;
    const label = Math.min(230, Math.floor(width / 3));
    const right = 78;
    const scale = (width - label - right) / end;
    const line = ink("--line");
    const quiet = ink("--quiet");
    const text = ink("--text");
    const top = state.printing ? 0 : box.scrollTop;
    const first = Math.max(0, Math.floor(top / ROW));
    const last = Math.min(rows.length, Math.ceil((top + height) / ROW));
    c.textBaseline = "middle";
    c.font = `12px ${family}`;
    const step = stepOf(end, (width - label - right) / 90);
    const ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, at) => at * step);
    c.fillStyle = line;
    for (const at of ticks)
      c.fillRect(Math.round(label + at * scale), 0, 1, Math.min(height, HEAD + rows.length * ROW - top));
    for (let at = first; at < last; at++) {
      const fetch = rows[at];
      const y = HEAD + at * ROW - top;
      if (at === selected) {
        c.fillStyle = line;
        c.fillRect(0, y, width, ROW);
      }
      c.fillStyle = fetch.state === "failed" ? ink("--bad") : text;
      // Told from others without its colour too.
      const name = `${fetch.state === "failed" ? "✗ " : ""}${nameOf(fetch)}`;
      c.textAlign = "left";
      c.fillText(cut(c, name, label - 12), 2, y + ROW / 2);
      for (const { stage, from, to } of stagesOf(fetch.timing)) {
        c.fillStyle = stage[scheme()];
        const thin = stage.key === "turn";
        c.fillRect(
          label + from * scale,
          y + (thin ? ROW / 2 - 1.5 : 4),
          Math.max(thin ? 0 : 0.75, (to - from) * scale),
          thin ? 3 : ROW - 8,
        );
      }
      c.fillStyle = fetch.state === "failed" ? ink("--bad") : quiet;
      const says = fetch.state === "failed" ? "failed" : fetch.state === "unchanged" ? "unchanged" : size(fetch.bytes);
      c.textAlign = "right";
      c.fillText(says, width - 8, y + ROW / 2);
    }
    // The numbers of the scale stand above what scrolls below them.
    c.fillStyle = ink("--panel");
    c.fillRect(0, 0, width, HEAD);
    c.fillStyle = quiet;
    for (const at of ticks) {
      c.textAlign = at === 0 ? "left" : "center";
      c.fillText(at === 0 ? "0" : time(at), label + at * scale, HEAD / 2);
    }
  }

  function arrange() {
    // The canvas stays in place and takes its height from what is scrolled.
    spacer.style.height = `${state.printing ? 0 : Math.max(0, rows.length * ROW + HEAD - view())}px`;
    draw();
  }

  function select(at) {
    selected = Math.max(-1, Math.min(rows.length - 1, at));
    const fetch = rows[selected];
    $("run-row").textContent = fetch === undefined ? HINT : sentence(fetch);
    draw();
  }
  const HINT = "Point at a row, or go through them with the arrow keys, for its times.";
  function sentence(fetch) {
    const parts = stagesOf(fetch.timing).map(({ stage, from, to }) => `${stage.says} ${time(to - from)}`);
    return `${nameOf(fetch)}: ${fetch.state === "done" ? "read" : fetch.state}, ${size(fetch.bytes)}; ${parts.join(", ")}`;
  }

  let asked = false;
  box.addEventListener("scroll", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = Math.floor((event.offsetY - HEAD + box.scrollTop) / ROW);
    if (at !== selected && at < rows.length) select(at);
  });
  box.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor((view() - HEAD) / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    select(step === -Infinity ? 0 : step === Infinity ? rows.length - 1 : Math.max(0, selected + step));
    const y = selected * ROW;
    const seen = view() - HEAD;
    if (y < box.scrollTop) box.scrollTop = y;
    else if (y + ROW > box.scrollTop + seen) box.scrollTop = y + ROW - seen;
  });
  $("run-order").addEventListener("change", (event) => {
    rows = run.fetches.toSorted(orders[event.target.value]);
    box.scrollTop = 0;
    select(-1);
  });
  const keys = () =>
    $("run-legend").replaceChildren(
      ...STAGES.map((stage) => {
        const key = make("span", { class: "key" });
        const dot = document.createElementNS(SVG, "svg");
        const rect = document.createElementNS(SVG, "rect");
        const drawn = stage.key === "turn" ? { y: 5, width: 14, height: 3 } : { y: 1, width: 14, height: 11 };
        for (const [name, value] of Object.entries({ ...drawn, fill: stage[scheme()] })) rect.setAttribute(name, value);
        for (const [name, value] of Object.entries({ width: 14, height: 13, "aria-hidden": "true" }))
          dot.setAttribute(name, value);
        dot.append(rect);
        key.append(dot, stage.says);
        return key;
      }),
    );

  const MOST = 1000;
  const details = $("run-table");
  details.hidden = false;
  behind(details, () => {
    const shown = run.fetches.toSorted(orders.begun).slice(0, MOST);
    const one = (fetch) => {
      const parts = new Map(stagesOf(fetch.timing).map(({ stage, from, to }) => [stage.key, to - from]));
      return [
        nameOf(fetch),
        fetch.state === "done" ? "read" : fetch.state,
        size(fetch.bytes),
        ...STAGES.map(({ key }) => (parts.has(key) ? time(parts.get(key)) : "")),
      ];
    };
    const heads = [
      { text: "Source" },
      { text: "State" },
      { text: "Size", number: true },
      ...STAGES.map(({ says }) => ({ text: says, number: true })),
    ];
    const more = run.fetches.length - shown.length;
    const made = table("Stages of the last run", heads, shown.map(one));
    return more > 0
      ? make("div", {}, made, make("p", { class: "note", text: `… and ${count(more)} more, in the picture above` }))
      : made;
  });
  select(-1);
  return () => {
    keys();
    arrange();
  };
}

function cut(c, text, room) {
  if (c.measureText(text).width <= room) return text;
  const letters = [...text.slice(0, 80)];
  while (letters.length > 0 && c.measureText(`${letters.join("")}…`).width > room) letters.pop();
  return `${letters.join("").trimEnd()}…`;
}
function stepOf(end, most) {
  const least = end / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= least) ?? 10 * power;
}
