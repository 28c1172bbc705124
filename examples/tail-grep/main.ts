// `tail -f log | grep ERROR`, and what else one asks of a log that grows: pipelines over `tail`.
//
// The lines of a growing file are a flow that has no end: it waits for more, through rotation too. What is done with them
// are stages that know nothing of files. After David Beazley's "Generator Tricks for Systems Programmers", whose `follow`
// sleeps a tenth of a second between two looks and holds up its program meanwhile; here it is one task among others, told
// by the system when there is something to read.
//
// Run it: node --conditions=rondo-source examples/tail-grep/main.ts                 (follows a log of its own)
//         node --conditions=rondo-source examples/tail-grep/main.ts FILE PATTERN    (follows yours, until Ctrl-C)
import { type Coroutine, type Flow, group, run } from "rondo";
import { appendFile, remove, rename, tail, temporaryDir } from "rondo/os";

function grep(lines: Flow<string>, pattern: RegExp): Flow<string> {
  return lines.filter((line) => pattern.test(line));
}

/** The nth word of each line. */
function column(lines: Flow<string>, n: number): Flow<string> {
  return lines.map((line) => line.split(" ")[n] ?? "");
}

/** Writes a log, and rotates it in the middle. */
function* writer(path: string): Coroutine<void> {
  for (const line of ["INFO /index 200", "ERROR /login 500", "INFO /data 200"]) yield* appendFile(path, `${line}\n`);
  yield* appendFile(path, "ERROR /se"); // a line comes in two pieces
  yield* appendFile(path, "arch 503\nINFO /index 200\n");
  yield* rename(path, `${path}.1`);
  for (const line of ["ERROR /login 500", "INFO /index 200", "ERROR /data 507"]) yield* appendFile(path, `${line}\n`);
}

await run(function* () {
  const [file, pattern] = process.argv.slice(2);
  if (file !== undefined && pattern !== undefined) {
    yield* grep(tail(file), new RegExp(pattern)).forEach((line) => console.log(line));
    return;
  }
  const folder = yield* temporaryDir();
  yield* group(function* (g) {
    const log = `${folder}/log`;
    const errors = grep(tail(log, { from: "start" }), /^ERROR /);
    g.spawn(writer(log), { name: "writer" });
    yield* column(errors, 1)
      .take(4)
      .forEach((path) => console.log(`failed: ${path}`));
    // prints: failed: /login
    // prints: failed: /search
    // prints: failed: /login
    // prints: failed: /data
  });
  yield* remove(folder, { recursive: true });
  console.log("enough seen: the log is closed"); // prints: enough seen: the log is closed
});
