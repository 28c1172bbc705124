// What every server that is measured is asked: it says on standard output, as a line of JSON, on which ports it listens; then it
// answers each line of standard input by a line. `cpu`: the nanoseconds of processor time that it has used so far, all threads
// of it. `memory`: the bytes of it that are in memory, after a collection where it may force one. It ends when its input does.
// python/servers.py and python/web.py talk the same way.
import { once } from "node:events";
import { readFileSync } from "node:fs";

const nap = new Int32Array(new SharedArrayBuffer(4));

function cpu(): number {
  // Linux books a running thread's time only at its clock tick; a thread that goes to sleep is booked at once.
  Atomics.wait(nap, 0, 0, 0.01);
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e3;
}

function memory(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return Number(readFileSync("/proc/self/statm", "latin1").split(" ")[1]) * 4096;
}

/** Says that it listens, and answers until nobody asks any more. */
export async function ready(ports: readonly number[]): Promise<void> {
  process.stdout.write(`${JSON.stringify({ ports })}\n`);
  process.stdin.on("data", (asked) => {
    for (const question of String(asked).trim().split("\n"))
      process.stdout.write(`${question === "cpu" ? cpu() : memory()}\n`);
  });
  await once(process.stdin, "end");
}
