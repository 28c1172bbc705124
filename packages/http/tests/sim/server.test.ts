import { onFewSeeds } from "../../../rondo/tests/sim/few.ts";
import { serving } from "./server.ts";

onFewSeeds(serving, 25);
