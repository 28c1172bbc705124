/** `rondo/sim`: the same program on a world you control. */
export type { Draw, Recording } from "./choices.ts";
