// Draws the page, and draws it again when its width, its colours or what it is drawn on changes. It runs in browsers from
// 2023 on, from a file, with no network: write-html.ts makes one script of these modules, in the order in which they import
// each other.

import { dark, state } from "./elements.js";
import { shorts } from "./shorts.js";
import { sources } from "./sources.js";
import { drawTrends, legend, trendsAbout, trendsTitle } from "./trends.js";
import { waterfall } from "./waterfall.js";
import { drawWords } from "./words.js";

shorts();
trendsAbout();
trendsTitle();
drawWords();
sources();
const drawRun = waterfall();
function drawAll() {
  legend();
  drawTrends();
  drawRun();
}
drawAll();
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  drawAll();
});
dark.addEventListener("change", drawAll);
addEventListener("beforeprint", () => {
  state.printing = true;
  drawAll();
});
addEventListener("afterprint", () => {
  state.printing = false;
  drawAll();
});
