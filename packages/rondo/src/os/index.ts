/**
 * `rondo/os`: files, processes, signals, the terminal, worker threads.
 */
export type { Path } from "./call.ts";
export { type ExitStatus, FileError, ProcessError } from "./errors.ts";
export { exec, type ExecOptions, type ExecResult } from "./exec.ts";
export { File, type FileData, open, type OpenFlags, type OpenOptions } from "./file.ts";
export type { FileInfo, FileKind } from "./info.ts";
export type { Key } from "./keys.ts";
export { readLines } from "./lines.ts";
export {
  changeMode,
  type DirEntry,
  exists,
  makeDir,
  makeLink,
  readDir,
  readLink,
  realPath,
  remove,
  rename,
  stat,
  temporaryDir,
} from "./paths.ts";
export { Process, type ProcessOptions, spawnProcess, type Stdio } from "./process.ts";
export { signals } from "./signals.ts";
export { stderr, stdin, stdout } from "./stdio.ts";
export { tail, type TailOptions } from "./tail.ts";
export { rawInput, type RawInputOptions } from "./terminal.ts";
export { walk, type WalkEntry, type WalkOptions } from "./walk.ts";
export { watch, type WatchEvent, type WatchOptions } from "./watch.ts";
export {
  appendFile,
  type Contents,
  copyFile,
  readFile,
  type ReadFileOptions,
  writeFile,
  type WriteFileOptions,
} from "./whole.ts";
export {
  offload,
  type OffloadCall,
  offloader,
  type Offloader,
  type OffloadNames,
  type OffloadOptions,
  offloadProcess,
  type OffloadResult,
  type OffloadTransfer,
} from "./offload.ts";
export { OffloadError } from "./offload-error.ts";
export { jobCancelled, jobSignal, transferred } from "./offload-job.ts";
export type { OffloadPool, OffloadPoolOptions, OffloadStatistics } from "./offload-pool.ts";
export { ProcessPool, type ProcessPoolOptions } from "./process-pool.ts";
export { ThreadPool, type ThreadPoolOptions } from "./thread-pool.ts";
