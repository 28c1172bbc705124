/** Two copies of the runtime in one process are told apart: a clear error, never a strange failure. */
import { expect, test, vi } from "vitest";

test("one copy alone sees no other", async () => {
  const { otherCopy, VERSION } = await import("./kernel.ts");
  expect(otherCopy()).toBeUndefined();
  expect(VERSION).toMatch(/^\d+\.\d+\.\d+/);
});

test("a wait of another copy that comes out of a coroutine is named as what it is, with both versions", async () => {
  const first = await import("../index.ts");
  vi.resetModules();
  const second = await import("../index.ts");
  expect(second.sleep).not.toBe(first.sleep);
  function* mixed(): Generator<any, void, any> {
    yield* second.sleep(1);
  }
  const error: unknown = await first.run(mixed, { host: new first.VirtualHost() }).catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("a wait of another copy of rondo");
  const { VERSION } = await import("./kernel.ts");
  expect(String(error)).toContain(VERSION);
  expect(String(error)).toContain("only one version of rondo");
});

test("a task of another copy is no operation of this one, and says so", async () => {
  vi.resetModules();
  const first = await import("../index.ts");
  vi.resetModules();
  const second = await import("../index.ts");
  const error: unknown = await first
    .run(
      function* (): Generator<any, void, any> {
        const loop = new second.Loop({ host: new second.VirtualHost() });
        yield* second.launch(loop, () => second.sleep(1));
      },
      { host: new first.VirtualHost() },
    )
    .catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("another copy of rondo");
});
