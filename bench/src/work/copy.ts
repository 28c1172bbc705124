// Copying one connection to another: what a MiB costs the process in the middle. For Rondo a loop that reads and writes; for
// Node `stream.pipeline`; for Python the same loop on asyncio's streams.
import { serverOf, theLoad } from "../net/peers.ts";
import type { Contestant, Workload } from "../workload.ts";

const MIB = 1024 * 1024;

function contestant(name: string): Contestant {
  return {
    name,
    async run(amount) {
      const server = await serverOf(name, "copy");
      const [from = 0, to = 0] = server.ports;
      const before = await server.cpu();
      await theLoad().order({ do: "copy", from, to, bytes: amount * MIB });
      return (await server.cpu()) - before;
    },
  };
}

export const copying: Workload = {
  name: "copy",
  title: "copy a stream to a stream, a MiB",
  table: "net",
  unit: "ns",
  amount: 512,
  step: 16,
  slices: 4,
  contestants: ["Rondo", "Node", "asyncio", "uvloop"].map(contestant),
};
