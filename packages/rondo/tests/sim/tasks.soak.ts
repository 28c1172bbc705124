import { onManySeeds } from "./few.ts";
import { tasks } from "./tasks.ts";

onManySeeds(tasks);
