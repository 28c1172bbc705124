// Which ports are open? Hundreds of attempts at once, no more than so many at a time, each with a time limit.
//
// `map` with a concurrency is the whole of the machinery: it starts the next attempt when one has ended, and were the scan
// cancelled, or did one of them throw, all others would be ended and their sockets closed before it goes on.
//
// Run it: node --conditions=rondo-source examples/port-scan/main.ts          (scans a part of this machine)
//         node --conditions=rondo-source examples/port-scan/main.ts FROM TO  (scans these ports of this machine)
import { type Coroutine, map, run, use } from "rondo";
import { connect, ConnectError, listen } from "rondo/net";

const HOST = "127.0.0.1";

/** Whether somebody answers. */
function* isOpen(port: number): Coroutine<boolean> {
  try {
    const stream = yield* connect({ host: HOST, port, timeout: 1000 });
    yield* stream.close();
    return true;
  } catch (error) {
    // Refused, unreachable, too slow: nobody is there. Everything else is a mistake of ours.
    if (error instanceof ConnectError) return false;
    throw error;
  }
}

function* scan(from: number, to: number): Coroutine<number[]> {
  const ports = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const open = yield* map(ports, isOpen, { concurrency: 100 });
  return ports.filter((_, i) => open[i]);
}

await run(function* () {
  const [from, to] = process.argv.slice(2).map(Number);
  if (from !== undefined && to !== undefined) {
    console.log(`open: ${(yield* scan(from, to)).join(", ")}`);
    return;
  }
  // Two doors of our own, somewhere.
  const doors = [use(yield* listen({ host: HOST, port: 0 })), use(yield* listen({ host: HOST, port: 0 }))];
  const known = doors.map(({ address }) => address.port);
  const first = Math.max(1, Math.min(...known) - 200);
  const last = Math.min(65_535, Math.min(...known) + 200);
  const open = yield* scan(first, last);
  console.log(`${last - first + 1} ports scanned, ${open.length} open`);
  console.log(`ours is among them: ${open.includes(Math.min(...known))}`); // prints: ours is among them: true
  for (const door of doors) door.close();
  console.log(`and now it is not: ${!(yield* isOpen(Math.min(...known)))}`); // prints: and now it is not: true
});
