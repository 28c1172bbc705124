// How the sources fare: a table that can be sorted and searched.

import { data, $, make, count, counted, size, time, exact, nameOf } from "./elements.js";

export function sources() {
  const { health, made } = data;
  const ago = (at) =>
    at === undefined || at === null ? "never" : at > made ? `in ${time(at - made)}` : `${time(made - at)} ago`;
  const when = (at) =>
    at === undefined || at === null
      ? make("span", { text: "never" })
      : make("time", { datetime: new Date(at).toISOString(), title: `${exact.format(at)} UTC`, text: ago(at) });
  const isBad = (source) => source.failuresInARow > 0;
  const link = (source) => {
    const name = nameOf(source);
    const isWeb = /^https?:\/\//i.test(source.url);
    return isWeb
      ? make("a", { href: source.url, rel: "noreferrer noopener", title: source.url, text: name, dir: "auto" })
      : make("span", { text: name });
  };
  const state = (source) => {
    if (source.lastAttempt === undefined) return make("span", { text: "not asked yet" });
    if (!isBad(source)) return make("span", { class: "good", text: "✓ fine" });
    return make("span", {
      class: "bad",
      dir: "auto",
      text: `✗ ${source.failuresInARow > 1 ? `${count(source.failuresInARow)} times: ` : ""}${source.failure?.message ?? "failed"}`,
    });
  };
  const columns = [
    { text: "Source", of: nameOf, show: link },
    { text: "Kind", of: (source) => source.kind ?? "", show: (source) => source.kind ?? "" },
    { text: "Language", of: (source) => source.language ?? "", show: (source) => source.language ?? "" },
    { text: "Articles", number: true, of: (source) => source.articles, show: (source) => count(source.articles) },
    {
      text: "Size",
      number: true,
      of: (source) => source.averageBytes ?? -1,
      show: (source) => (source.averageBytes === undefined ? "" : size(source.averageBytes)),
    },
    { text: "Fetches", number: true, of: (source) => source.fetches, show: (source) => count(source.fetches) },
    {
      text: "Failed",
      number: true,
      of: (source) => source.failed,
      show: (source) =>
        source.fetches === 0 ? "" : `${count(source.failed)} (${Math.round((100 * source.failed) / source.fetches)} %)`,
    },
    {
      text: "Last success",
      of: (source) => -(source.lastSuccess ?? -Infinity),
      show: (source) => when(source.lastSuccess),
    },
    {
      text: "Next due",
      of: (source) => source.due,
      show: (source) => (source.due <= made ? "now" : when(source.due)),
    },
    { text: "State", of: (source) => -source.failuresInARow, show: state, class: "why" },
  ];
  const PAGE = 100;
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const filter = $("filter");
  const failing = $("failing");
  let sorted = columns.length - 1;
  let rising = true;
  let shown = PAGE;
  const heads = columns.map((column, at) => {
    const button = make("button", { type: "button", text: column.text });
    button.addEventListener("click", () => {
      rising = at === sorted ? !rising : !column.number;
      sorted = at;
      fill();
    });
    return make("th", { scope: "col", class: column.number ? "number" : undefined }, button);
  });
  const body = make("tbody");
  $("sources").append(
    make("caption", { text: "Sources and how they fare" }),
    make("thead", {}, make("tr", {}, ...heads)),
    body,
  );

  function fill() {
    for (const [at, head] of heads.entries()) {
      if (at === sorted) head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
    const wanted = filter.value.trim().toLowerCase();
    const matches = (source) =>
      wanted === "" ||
      [nameOf(source), source.url, source.language, source.kind, source.failure?.message].some((each) =>
        each?.toLowerCase().includes(wanted),
      );
    const rows = health.filter((source) => (!failing.checked || isBad(source)) && matches(source));
    const { of } = columns[sorted];
    const way = rising ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [of(a), of(b)];
      return (
        way * (typeof x === "string" ? collator.compare(x, y) : x < y ? -1 : x > y ? 1 : 0) ||
        collator.compare(nameOf(a), nameOf(b))
      );
    });
    body.replaceChildren(
      ...rows.slice(0, shown).map((source) =>
        make(
          "tr",
          {},
          ...columns.map((column, at) => {
            const cell =
              at === 0 ? make("th", { scope: "row" }) : make("td", { class: column.number ? "number" : column.class });
            cell.append(column.show(source));
            return cell;
          }),
        ),
      ),
    );
    const more = rows.length - Math.min(shown, rows.length);
    $("more").hidden = more === 0;
    $("more").textContent = `Show ${count(Math.min(PAGE, more))} more of ${count(more)}`;
    $("sources-about").textContent =
      `${rows.length === health.length ? "" : `${count(rows.length)} of `}${counted(health.length, "source")}`;
  }
  filter.addEventListener("input", fill);
  failing.addEventListener("change", fill);
  $("more").addEventListener("click", () => {
    shown += PAGE;
    fill();
  });
  fill();
}
