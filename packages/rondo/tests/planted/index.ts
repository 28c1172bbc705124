/** All planted bugs, in the order of the table. */
import { aba } from "./aba.ts";
import { abandonedWork } from "./abandoned-work.ts";
import { cancelledTransfer } from "./cancelled-transfer.ts";
import { doubleClose } from "./double-close.ts";
import { doubleFetch } from "./double-fetch.ts";
import { duplicateAfterRetry } from "./duplicate-after-retry.ts";
import { halfOpen } from "./half-open.ts";
import { lateSubscriber } from "./late-subscriber.ts";
import { lockOrder } from "./lock-order.ts";
import { lostAtShutdown } from "./lost-at-shutdown.ts";
import { lostPermit } from "./lost-permit.ts";
import { lostUpdate } from "./lost-update.ts";
import { missedWakeUp } from "./missed-wake-up.ts";
import { oneCondition } from "./one-condition.ts";
import type { Planted } from "./planted.ts";
import { recycledSlot } from "./recycled-slot.ts";
import { reorderedDatagrams } from "./reordered-datagrams.ts";
import { staleLeader } from "./stale-leader.ts";
import { starvedWriter } from "./starved-writer.ts";
import { timeoutAndResult } from "./timeout-and-result.ts";
import { tornWrite } from "./torn-write.ts";
import { unboundedQueue } from "./unbounded-queue.ts";
import { wallClock } from "./wall-clock.ts";
import { wholeMessages } from "./whole-messages.ts";

export const planted: readonly Planted[] = [
  lostUpdate,
  missedWakeUp,
  lateSubscriber,
  lockOrder,
  doubleClose,
  aba,
  oneCondition,
  doubleFetch,
  timeoutAndResult,
  cancelledTransfer,
  lostPermit,
  abandonedWork,
  recycledSlot,
  lostAtShutdown,
  unboundedQueue,
  starvedWriter,
  wholeMessages,
  reorderedDatagrams,
  duplicateAfterRetry,
  halfOpen,
  tornWrite,
  staleLeader,
  wallClock,
];
