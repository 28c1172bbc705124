import { onManySeeds } from "./few.ts";
import { lines } from "./lines.ts";

onManySeeds(lines);
