import { serving } from "./serving.ts";
import { onFewSeeds } from "./few.ts";

onFewSeeds(serving);
