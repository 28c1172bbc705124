import { dialing } from "./dialing.ts";
import { onFewSeeds } from "./few.ts";

onFewSeeds(dialing);
