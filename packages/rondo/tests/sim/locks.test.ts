import { locks } from "./locks.ts";
import { onFewSeeds } from "./few.ts";

onFewSeeds(locks);
