import { streams } from "./streams.ts";
import { onFewSeeds } from "./few.ts";

onFewSeeds(streams);
