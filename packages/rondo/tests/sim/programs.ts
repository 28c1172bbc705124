/** Random programs of coroutines, drawn from a world; what they are and what is watched is in ../programs.ts. */
import type { World } from "../../src/sim/index.ts";
import type { Op } from "../programs.ts";

/** A program, with `depth` levels at most. */
export function drawProgram(world: World): Op {
  const left = { ops: world.integer(4, 60, "size") };
  return {
    op: "group",
    tasks: some(world, left, 1, 4, 7),
    body: { op: "seq", ops: some(world, left, 1, 4, 7) },
    keep: world.chance(0.5),
  };
}

interface Budget {
  ops: number;
}

function some(world: World, left: Budget, least: number, most: number, depth: number): Op[] {
  return Array.from({ length: world.integer(least, most, "how many") }, () => draw(world, left, depth));
}

function draw(world: World, left: Budget, depth: number): Op {
  if (depth === 0 || --left.ops <= 0) return leaf(world);
  const inner = (): Op => draw(world, left, depth - 1);
  switch (world.choose(16, "op")) {
    default:
      return leaf(world);
    case 4:
    case 5:
    case 6:
      return { op: "seq", ops: some(world, left, 2, 4, depth - 1) };
    case 7:
    case 8:
      return { op: "finally", body: inner(), cleanup: inner() };
    case 9:
      return { op: "catch", body: inner() };
    case 10:
      return world.chance(0.5)
        ? { op: "deep", levels: world.integer(1, 6), body: inner() }
        : { op: "call", body: inner() };
    case 11:
      return { op: world.pick(["scope", "shield", "cleanup"] as const), body: inner() };
    case 12:
      return { op: world.pick(["timeout", "moveOn"] as const), ms: world.choose(15), body: inner() };
    case 13:
      return { op: "group", tasks: some(world, left, 0, 3, depth - 1), body: inner(), keep: world.chance(0.5) };
    case 14:
      return { op: "spawn", body: inner(), daemon: world.chance(0.5), join: world.chance(0.5) };
    case 15:
      return { op: "defer", body: inner() };
  }
}

function leaf(world: World): Op {
  switch (world.choose(16, "leaf")) {
    default:
      return { op: "sleep", ms: world.choose(13, "ms") };
    case 8:
    case 9:
      return { op: "checkpoint", times: world.integer(1, 3) };
    case 10:
      return { op: "throw" };
    case 11:
    case 12:
      return { op: "cancelAround", up: world.choose(5) };
    case 13:
    case 14:
    case 15:
      return { op: "cancelTask", which: world.choose(10) };
  }
}
