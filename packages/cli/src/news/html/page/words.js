// The commonest words and those that rise: tables with bars in them.

import { data, $, make, count, counted, table } from "./elements.js";

function bar(share) {
  const span = make("span");
  span.style.inlineSize = `${Math.max(0, Math.min(100, share * 100))}%`;
  const cell = document.createDocumentFragment();
  cell.append(span);
  return cell;
}
function words(box, caption, heads, rows, kind, nothing) {
  if (rows.length === 0) {
    box.append(make("p", { class: "note", text: nothing }));
    return;
  }
  const made = table(caption, heads, rows, { class: `words ${kind}` });
  for (const row of made.tBodies[0].rows) row.cells[1].className = "bar";
  box.append(made);
}
export function drawWords() {
  const { top, rising, totals } = data;
  $("top-about").textContent = `in ${counted(totals.articles, "article")}, stop words left out`;
  const most = Math.max(1, ...top.map((each) => each.count));
  words(
    $("top"),
    "Commonest words",
    [{ text: "Word" }, { text: "" }, { text: "Times", number: true }, { text: "Articles", number: true }],
    top.map((each) => [each.word, bar(each.count / most), count(each.count), count(each.articles)]),
    "",
    "There are no words yet.",
  );
  const highest = Math.max(1, ...rising.map((each) => each.score));
  const grown = ({ recentRate, beforeRate }) =>
    beforeRate === 0 ? "new" : `× ${(recentRate / beforeRate).toFixed(recentRate / beforeRate < 9.95 ? 1 : 0)}`;
  words(
    $("rising"),
    "Rising words",
    [
      { text: "Word" },
      { text: "" },
      { text: "G²", number: true },
      { text: "Growth", number: true },
      { text: "Times", number: true },
    ],
    rising.map((each) => [
      each.word,
      bar(each.score / highest),
      count(Math.round(each.score)),
      grown(each),
      count(each.recent),
    ]),
    "rising",
    "No word is said more than it used to be, or there is no past to compare with.",
  );
}
