/** `rondo/trace`: seeing what a program does. */
export { type ChromeEvent, type ChromeTrace, toChromeTrace } from "./chrome.ts";
export { formatSnapshot } from "./format.ts";
export { Recorder, type RecorderOptions, type TraceEvent } from "./recorder.ts";
export {
  type CancellationSnapshot,
  type LoopSnapshot,
  type RegionSnapshot,
  snapshot,
  type Snapshot,
  type SnapshotOptions,
  type TaskName,
  type TaskSnapshot,
} from "./snapshot.ts";
