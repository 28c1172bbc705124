import { onManySeeds } from "./few.ts";
import { pools } from "./pools.ts";

onManySeeds(pools);
