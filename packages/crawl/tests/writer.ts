// Holds the right to write to a database from its first argument until its input ends, or writes to it without a pause.
// Arguments: the database, and "hold" or "write".

import { readSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { NewsStore } from "../src/store/store.ts";
import { documentOf } from "./documents.ts";

const [path = "", what] = process.argv.slice(2);
if (what === "hold") {
  const database = new DatabaseSync(path);
  database.exec("BEGIN IMMEDIATE");
  writeSync(1, "holding\n");
  readSync(0, Buffer.alloc(1));
  database.exec("ROLLBACK");
  database.close();
} else {
  using store = NewsStore.open(path);
  const run = store.beginRun(0);
  writeSync(1, "writing\n");
  for (let n = 0; n < 60; n++) store.record(run, [documentOf(n)]);
}
