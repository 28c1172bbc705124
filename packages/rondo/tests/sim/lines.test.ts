import { lines } from "./lines.ts";
import { onFewSeeds } from "./few.ts";

onFewSeeds(lines);
