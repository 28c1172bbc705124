import { onManySeeds } from "./few.ts";
import { streams } from "./streams.ts";

onManySeeds(streams);
