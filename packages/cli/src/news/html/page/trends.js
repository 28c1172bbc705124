// Mentions by day as lines, and below them articles a day as bars, drawn by uPlot.

import {
  data,
  $,
  make,
  count,
  counted,
  shortDay,
  longDay,
  DASHES,
  seriesColour,
  ink,
  sample,
  table,
  behind,
} from "./elements.js";

const DAY = 86_400;
const DAYS = [1, 2, 7, 14, 28, 91, 182, 364].map((days) => days * DAY);
const hidden = new Set();
let plots = [];

export function trendsAbout() {
  const { trends } = data;
  behind($("trends-table"), () =>
    table(
      "Mentions by day",
      [
        { text: "Day" },
        { text: "Articles", number: true },
        ...trends.series.map(({ term, group }) => ({ text: labelOf({ term, group }), number: true })),
      ],
      trends.days
        .map((date, at) => [
          shortDay.format(Date.parse(date)),
          count(trends.articles[at]),
          ...trends.series.map(({ counts }) => count(counts[at])),
        ])
        .reverse(),
    ),
  );
}
const labelOf = ({ term, group }) => (group === undefined ? term : `${term} (${group})`);

export function legend() {
  $("trends-legend").replaceChildren(
    ...data.trends.series.map((series, at) => {
      const total = make("b", { text: count(series.total) });
      const button = make(
        "button",
        { type: "button", "aria-pressed": String(!hidden.has(at)), title: "Show or hide this line" },
        sample(at),
        make("bdi", { text: labelOf(series) }),
        total,
      );
      button.addEventListener("click", () => {
        if (!hidden.delete(at)) hidden.add(at);
        button.setAttribute("aria-pressed", String(!hidden.has(at)));
        plots[0]?.setSeries(at + 1, { show: !hidden.has(at) });
      });
      return button;
    }),
  );
}

/** Under the cursor: the numbers of that day; elsewhere the totals. */
function readOut(plot) {
  const { idx } = plot.cursor;
  for (const [at, number] of [...$("trends-legend").querySelectorAll("b")].entries()) {
    const { counts, total } = data.trends.series[at];
    number.textContent = count(idx == null ? total : counts[idx]);
  }
  const date = idx == null ? undefined : data.trends.days[idx];
  if (date === undefined) trendsTitle();
  else
    $("trends-about").textContent =
      `${longDay.format(Date.parse(date))}: ${counted(data.trends.articles[idx], "article")}`;
}
export function trendsTitle() {
  const what = {
    asked: "mentions a day of what was asked for",
    rising: "mentions a day of words that rise",
    none: "articles a day",
  };
  $("trends-about").textContent = what[data.chosen];
}

export function drawTrends() {
  for (const plot of plots) plot.destroy();
  plots = [];
  const { days, articles, series } = data.trends;
  if (days.length === 0) return;
  const times = days.map((date) => Date.parse(date) / 1000);
  const line = ink("--line");
  const quiet = ink("--quiet");
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: quiet, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 } };
  const common = {
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    legend: { show: false },
    cursor: { sync: { key: "days" }, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { range: (_, low, high) => [low - DAY * 0.5, high + DAY * 0.5] },
      y: { range: (_, low, high) => [0, Math.max(4, high * 1.08)] },
    },
  };
  const x = (shown) => ({
    ...axis,
    grid: { show: false },
    incrs: DAYS,
    size: shown ? 28 : 6,
    values: (_, splits) => splits.map((seconds) => (shown ? shortDay.format(seconds * 1000) : "")),
  });
  const y = (space, label) => ({
    ...axis,
    size: 46,
    ...{ label, labelSize: 16, labelFont: font, labelGap: 0 },
    space,
    ticks: { show: false },
    incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5, 1e6],
    values: (_, splits) => splits.map((value) => count(value)),
  });
  const add = (box, height, title, columns, drawn, axes) => {
    const plot = new uPlot(
      {
        ...common,
        width: box.clientWidth,
        height,
        series: [{}, ...drawn],
        axes,
        hooks: box.id === "trends" ? { setCursor: [readOut] } : {},
      },
      [times, ...columns],
      box,
    );
    const canvas = plot.root.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", title);
    plots.push(plot);
  };
  if (series.length > 0) {
    const lines = series.map((_, at) => ({
      stroke: seriesColour(at),
      width: 2.2,
      dash: DASHES[at % DASHES.length],
      points: { show: days.length <= 45 && at === -1, size: 5 },
      show: !hidden.has(at),
      ...(series.length === 1 ? { fill: `${seriesColour(at)}22` } : {}),
    }));
    const said = series.map((one) => `${labelOf(one)} ${count(one.total)}`).join(", ");
    add(
      $("trends"),
      250,
      `Line chart: mentions by day, in all ${said}. The table below has the numbers.`,
      series.map(({ counts }) => counts),
      lines,
      [x(false), y(40, "mentions")],
    );
  }
  const bars = {
    stroke: ink("--bar"),
    fill: `${ink("--bar")}99`,
    width: 0,
    paths: uPlot.paths.bars({ size: [0.72, 40], radius: 0.15 }),
    points: { show: false },
  };
  add(
    $("daily"),
    series.length > 0 ? 92 : 220,
    `Bar chart: articles a day, ${count(data.totals.articles)} in all. The table below has the numbers.`,
    [articles],
    [bars],
    [x(true), y(24, "articles")],
  );
}
