// The numbers at the top of the page.

import { data, $, make, count, counted, size, time, longDay, exact, lengthOf } from "./elements.js";

export function shorts() {
  const { totals, trends, run, made } = data;
  const first = trends.days[0];
  const last = trends.days.at(-1);
  const span =
    first === undefined ? "" : `${longDay.format(Date.parse(first))} to ${longDay.format(Date.parse(last))} · `;
  $("subtitle").textContent = `${span}made ${exact.format(made)} UTC`;
  const card = (number, what, more) =>
    make(
      "div",
      {},
      make("dt", { text: what }),
      make("dd", { class: "number", text: number }),
      make("dd", { class: "more", text: more }),
    );
  const mentions = trends.series.reduce((sum, series) => sum + series.total, 0);
  const busiest = trends.series.toSorted((a, b) => b.total - a.total)[0];
  const cards = [
    card(
      count(totals.articles),
      totals.articles === 1 ? "article" : "articles",
      `in ${counted(trends.days.length, "day")}`,
    ),
    card(
      count(totals.sources),
      totals.sources === 1 ? "source" : "sources",
      totals.failing === 0 ? "none of them fails" : `${count(totals.failing)} of them fail`,
    ),
    card(
      count(mentions),
      mentions === 1 ? "mention" : "mentions",
      busiest === undefined ? "of no term" : `most of “${busiest.term}”`,
    ),
  ];
  if (run !== undefined) {
    const bytes = run.fetches.reduce((sum, fetch) => sum + fetch.bytes, 0);
    cards.push(
      card(time(lengthOf(run)), "the last run took", `${counted(run.fetches.length, "source")}, ${size(bytes)}`),
    );
  }
  $("totals").append(...cards);
}
