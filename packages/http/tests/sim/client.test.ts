import { onFewSeeds } from "../../../rondo/tests/sim/few.ts";
import { asking } from "./client.ts";

onFewSeeds(asking, 25);
