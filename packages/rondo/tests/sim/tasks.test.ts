import { tasks } from "./tasks.ts";
import { onFewSeeds } from "./few.ts";

onFewSeeds(tasks);
