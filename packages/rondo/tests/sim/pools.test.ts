import { pools } from "./pools.ts";
import { onFewSeeds } from "./few.ts";

onFewSeeds(pools);
