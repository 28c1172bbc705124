import { onManySeeds } from "./few.ts";
import { serving } from "./serving.ts";

onManySeeds(serving);
