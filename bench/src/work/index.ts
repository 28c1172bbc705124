// Every workload, in the order of the table.
import { newsByHand, newsPage } from "../news.ts";
import type { Workload } from "../workload.ts";
import { cancelTree } from "./cancel-tree.ts";
import { cancelSleepers } from "./cancel.ts";
import { channelOfMany, channelOfOne } from "./channel.ts";
import { copying } from "./copy.ts";
import { echoes } from "./echo.ts";
import { httpClient } from "./http-client.ts";
import { httpFile, httpHello, httpIdle, httpJson, httpUpload } from "./http.ts";
import { idleBytes, idleGrowth } from "./idle.ts";
import { linesOfFile, linesOfStream } from "./lines.ts";
import { lockContended, lockPair } from "./lock.ts";
import { parkedBytes } from "./parked.ts";
import { countingWords, readFeeds } from "./reading.ts";
import { resumeAt1, resumeAt10, resumeAt100 } from "./resume.ts";
import { sleeperBytes, sleepers } from "./sleepers.ts";
import { spawnAndJoin } from "./spawn.ts";
import { switching } from "./switch.ts";
import { timeouts } from "./timeout.ts";
import { timers } from "./timers.ts";
import { untilResolved } from "./until.ts";
import { socketBroadcast, socketEcho } from "./websocket.ts";

export const workloads: readonly Workload[] = [
  switching,
  spawnAndJoin,
  channelOfOne,
  channelOfMany,
  lockPair,
  lockContended,
  sleepers,
  cancelSleepers,
  cancelTree,
  timers,
  timeouts,
  resumeAt1,
  resumeAt10,
  resumeAt100,
  untilResolved,
  sleeperBytes,
  parkedBytes,
  newsPage,
  newsByHand,
  readFeeds,
  countingWords,
  ...echoes,
  copying,
  linesOfStream,
  linesOfFile,
  idleBytes,
  idleGrowth,
  httpHello,
  httpJson,
  httpUpload,
  httpFile,
  httpIdle,
  httpClient,
  socketBroadcast,
  socketEcho,
];
