// Stores one document after the other for as long as it lives, and says of each that it is stored once it is: a process for others to kill.
// Arguments: the database, and the number of the first document.
//
// Each document has three articles: one of its own, one that all documents of its ten have and change, and one that
// comes to its text later.

import { writeSync } from "node:fs";
import { NewsStore } from "../src/store/store.ts";
import { documentOf, textOf } from "./documents.ts";

const [path = "", first = "0"] = process.argv.slice(2);
// Before the file is opened, so that it can be killed while that goes on, too.
writeSync(1, "ready\n");
const store = NewsStore.open(path);
const run = store.beginRun(0);
/** Stores the text that comes later, and says so. */
function finish(n: number): void {
  const { url, ...text } = textOf(n);
  store.setText(url, text);
  writeSync(1, `${n}\n`);
}

// The one before may have been killed between the document and its text.
if (Number(first) > 0) finish(Number(first) - 1);
for (let n = Number(first); ; n++) {
  store.record(run, [documentOf(n)]);
  finish(n);
}
