// A tree of child processes that ends as one.
//
// A shell that starts other shells leaves them behind when it is killed: they belong to nobody. Here a process belongs to the
// scope in which it was started, and with `group: true` whatever it starts itself belongs to it. When the scope ends, for
// whatever reason, all of them are asked to end (SIGTERM), after a grace made to (SIGKILL), and waited for.
//
// Run it: node --conditions=rondo-source examples/process-tree/main.ts
import { type Coroutine, group, run, scope } from "rondo";
import { type Process, spawnProcess } from "rondo/os";

// Each starts two of the level below and one that sleeps, says its number, and waits for them for ever.
const TREE = `
grow() {
  if [ "$1" -gt 0 ]; then
    grow $(($1 - 1)) &
    grow $(($1 - 1)) &
  fi
  sleep 1000 &
  echo "sleeps $!"
  wait
}
grow "$1"
`;

/** Starts a tree, and gives the numbers of the seven processes at which it waits. */
function* grown(depth: number): Coroutine<{ root: Process; sleepers: number[] }> {
  const root = yield* spawnProcess("sh", ["-c", TREE, "tree", String(depth)], { group: true, grace: 5000 });
  const sleepers = yield* root.stdout
    .lines()
    .filter((line) => line.startsWith("sleeps "))
    .map((line) => Number(line.slice("sleeps ".length)))
    .take(2 ** (depth + 1) - 1)
    .toArray();
  return { root, sleepers };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0); // signal 0 only looks
  } catch {
    return false;
  }
}

await run(function* () {
  const all: number[] = [];
  const outcome = yield* scope(function* (s) {
    yield* group(function* (g) {
      for (const name of ["left", "right"]) {
        g.spawn(
          function* () {
            const { root, sleepers } = yield* grown(2);
            all.push(...sleepers);
            console.log(`a tree has grown: ${sleepers.filter(isAlive).length} of ${sleepers.length} are alive`);
            if (all.length === 14) s.cancel("enough");
            yield* root.wait(); // for ever
          },
          { name },
        );
      }
    });
  });
  // prints: a tree has grown: 7 of 7 are alive
  // prints: a tree has grown: 7 of 7 are alive
  console.log(`cancelled: ${outcome.cancelled}`); // prints: cancelled: true
  console.log(`alive: ${all.filter(isAlive).length} of ${all.length}`); // prints: alive: 0 of 14
});
