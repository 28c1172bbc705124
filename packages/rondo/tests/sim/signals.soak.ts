import { onManySeeds } from "./few.ts";
import { signals } from "./signals.ts";

onManySeeds(signals);
