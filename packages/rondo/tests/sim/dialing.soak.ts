import { onManySeeds } from "./few.ts";
import { dialing } from "./dialing.ts";

onManySeeds(dialing);
