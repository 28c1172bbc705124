import { signals } from "./signals.ts";
import { onFewSeeds } from "./few.ts";

onFewSeeds(signals);
