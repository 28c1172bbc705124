import { onManySeeds } from "./few.ts";
import { locks } from "./locks.ts";

onManySeeds(locks);
