/**
 * `rondo/sim`: the same program on a world you control.
 */
export { type SimBody, NondeterminismError } from "./campaign.ts";
export { type CampaignOptions, type CampaignReport, check } from "./check.ts";
export type { ChoiceStream, Draw, Recording } from "./choices.ts";
export { Disk, disk, type DiskSettings, type DiskStat } from "./disk.ts";
export type { Told } from "./engine.ts";
export { LeakError, SimBudgetError } from "./errors.ts";
export { type FenceName, SimFenceError } from "./fences.ts";
export type { Distribution, LinkSettings } from "./links.ts";
export type { NameFailure, NameRecords, NameScope, SimNames } from "./names.ts";
export type { Faults } from "./net-faults.ts";
export { type Field, type Nemesis, type NemesisOptions, type Span, together, type Undo, weighted } from "./nemesis.ts";
export {
  type Aimed,
  bridge,
  clog,
  dnsOutage,
  type DnsOutageOptions,
  flap,
  type FlapOptions,
  isolate,
  lossy,
  type LossyOptions,
  partition,
  type PartitionOptions,
  ring,
  slowLinks,
  type SlowLinksOptions,
} from "./nemesis-network.ts";
export {
  badDisk,
  type BadDiskOptions,
  crashStorm,
  type CrashStormOptions,
  pauses,
  type PausesOptions,
  skew,
  type SkewOptions,
  slowNode,
  type SlowNodeOptions,
} from "./nemesis-node.ts";
export type { NemesisRun } from "./nemesis-run.ts";
export type { LinkControl } from "./net-link-control.ts";
export type { At, NetworkStatistics, SimNetwork, SimNetworkOptions } from "./network.ts";
export type { ClockOptions, NodeEnd, NodeOptions, SimNode } from "./node.ts";
export { exhaust, type Exhaust, type ExhaustOptions } from "./exhaust.ts";
export { CheckError } from "./failure.ts";
export type { BodyAddress } from "./jobs.ts";
export { delayBounded, type DelayOptions } from "./policy-delay.ts";
export { mix } from "./policy-mix.ts";
export { pct, type PctOptions } from "./policy-pct.ts";
export { fifo, type Picker, type Policy, type PolicyRun, randomWalk, type Ready } from "./policy.ts";
export { simCertificate, type SimCertificate, type SimCertificateOptions } from "./tls-certificates.ts";
export { type Run, simulate, type SimulateOptions } from "./simulate.ts";
export type { StepRecord } from "./steps.ts";
export type { LivenessOptions, World } from "./world.ts";
export { type Attempt, shrink, type ShrinkOptions, type Shrunk } from "./shrink.ts";
export { decodeToken, encodeToken, TokenError } from "./token.ts";
export { type Call, type CallOutcome, History, type HistoryOptions } from "./history.ts";
export { type Condition, PropertyError, type PropertyKind, Sightings } from "./properties.ts";
export {
  assertLinearizable,
  checkLinearizable,
  type CheckOptions,
  LinearizabilityError,
  type Nonlinearizable,
  type Verdict,
} from "./linearizability.ts";
export {
  type Asked,
  casRegister,
  defineModel,
  fifoQueue,
  keyValue,
  type Model,
  type ModelParts,
  permits,
  register,
} from "./models.ts";
