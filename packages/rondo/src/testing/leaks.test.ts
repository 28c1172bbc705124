import { closeSync, openSync } from "node:fs";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { leavesNothing } from "../../tests/leaks.ts";

test("what is closed in the end is no leak, also where the host needs a while for it", async () => {
  const result = await leavesNothing(async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const socket = connect((server.address() as { port: number }).port);
    socket.resume();
    await new Promise((resolve) => socket.once("end", resolve));
    server.close(); // and nobody waits until it is
    closeSync(openSync("/dev/null", "r"));
    return "closed";
  });
  expect(result).toBe("closed");
});

test("a descriptor that is left open is named", async () => {
  let fd = -1;
  await expect(
    leavesNothing(() => {
      fd = openSync("/dev/null", "r");
    }),
  ).rejects.toThrow(/left behind: descriptor \d+, \/dev\/null/);
  closeSync(fd);
});

test("a server that listens, timers that run and a listener are named", async () => {
  const server = createServer();
  const timers: NodeJS.Timeout[] = [];
  const listener = (): void => {};
  await expect(
    leavesNothing(async () => {
      await new Promise<void>((resolve) => server.listen(0, resolve));
      // Several, because the test runner has some of its own that come and go.
      for (let i = 0; i < 5; i++) timers.push(setTimeout(() => {}, 1_000_000));
      process.on("SIGUSR2", listener);
    }),
  ).rejects.toThrow(/socket.*TCPServerWrap.*Timeout.*a listener for "SIGUSR2"/);
  process.off("SIGUSR2", listener);
  for (const timer of timers) clearTimeout(timer);
  await new Promise((resolve) => server.close(resolve));
});
