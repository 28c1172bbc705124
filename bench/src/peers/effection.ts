// What Effection needs to take part and does not have itself.
import { action, type Operation } from "effection";

/** Gives way. Effection has no operation for it; this is the cheapest wait that lets other operations run. */
export function nextMicrotask(): Operation<void> {
  return action((resolve) => {
    queueMicrotask(resolve);
    return () => {};
  });
}
