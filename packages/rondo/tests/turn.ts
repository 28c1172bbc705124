/** One turn of the host's own event loop: what Node has put off (ticks, immediates, what its streams do then) has been done. */
import { suspend, type Wait } from "../src/index.ts";

export function turn(): Wait<void> {
  return suspend<void>((wake) => void setImmediate(() => setImmediate(wake)), "turn");
}
