// What all parts of the page are made with: elements, numbers as people read them, colours.
//
// Every string in the data may come from a stranger. So nothing here makes markup: elements are made one by one, texts are
// set as texts, and an address becomes a link only if it is one of the web.

/** @type {import("../page-data.ts").PageData} */
export const data = JSON.parse(document.getElementById("data").textContent);
export const $ = (id) => document.getElementById(id);
export const dark = matchMedia("(prefers-color-scheme: dark)");
/** What is printed is printed on white. */
export const state = { printing: false };

export function make(name, options = {}, ...children) {
  const { text, ...rest } = options;
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(rest)) if (value !== undefined) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}
const whole = new Intl.NumberFormat("en-US");
export const count = (n) => whole.format(n);
export const counted = (n, one) => `${count(n)} ${one}${n === 1 ? "" : "s"}`;
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
export function time(ms) {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.round(ms / 3_600_000);
  return hours < 48 ? `${hours} h` : `${Math.round(ms / 86_400_000)} days`;
}
const day = (format) => new Intl.DateTimeFormat("en-GB", { ...format, timeZone: "UTC" });
export const shortDay = day({ day: "numeric", month: "short" });
export const longDay = day({ day: "numeric", month: "long", year: "numeric" });
export const exact = day({ dateStyle: "medium", timeStyle: "short" });
export const nameOf = ({ name, title, url }) =>
  (name || title || url.replace(/^https?:\/\//, "").replace(/\/$/, "")).replace(/\s+/g, " ").trim();

/** Colours of series: those that are seen best on the ground that there is come first. */
const SERIES = {
  light: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b636d", "#000000"],
  dark: ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#a2abb5", "#ffffff"],
};
/** And lines of which no two look alike without colours. */
export const DASHES = [[], [9, 4], [3, 3], [12, 3, 3, 3], [1, 4], [14, 6], [6, 2, 2, 2, 2, 2], [4, 7]];
export const scheme = () => (dark.matches && !state.printing ? "dark" : "light");
export const seriesColour = (at) => SERIES[scheme()][at % SERIES.light.length];
export const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const SVG = "http://www.w3.org/2000/svg";
export function sample(at) {
  const svg = document.createElementNS(SVG, "svg");
  const stroke = document.createElementNS(SVG, "line");
  for (const [key, value] of Object.entries({ width: 26, height: 8, "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  const drawn = { x1: 0, x2: 26, y1: 4, y2: 4, stroke: seriesColour(at), "stroke-width": 2.5 };
  for (const [key, value] of Object.entries(drawn)) stroke.setAttribute(key, value);
  stroke.setAttribute("stroke-dasharray", DASHES[at % DASHES.length].join(" "));
  svg.append(stroke);
  return svg;
}

/** A table from its heads and rows of cells; a cell is a text, a number or an element. The first of a row is its head. */
export function table(caption, heads, rows, attributes = {}) {
  const head = make(
    "tr",
    {},
    ...heads.map(({ text, number }) => make("th", { scope: "col", text, class: number ? "number" : undefined })),
  );
  const body = rows.map((cells) =>
    make(
      "tr",
      {},
      ...cells.map((cell, at) => {
        const kind =
          at === 0
            ? ["th", { scope: "row", dir: "auto" }]
            : ["td", { class: heads[at]?.number ? "number" : undefined }];
        return cell instanceof Node ? make(...kind, cell) : make(kind[0], { ...kind[1], text: String(cell) });
      }),
    ),
  );
  return make(
    "table",
    attributes,
    make("caption", { text: caption }),
    make("thead", {}, head),
    make("tbody", {}, ...body),
  );
}

/** A table behind a chart is made when somebody opens it. */
export function behind(details, build) {
  details.addEventListener("toggle", () => {
    if (details.open && details.querySelector("table") === null)
      details.append(make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" }, build()));
  });
}

/** How long a run was, in ms. */
export const lengthOf = (run) => run.fetches.reduce((most, { timing }) => Math.max(most, timing.ended), 0);
