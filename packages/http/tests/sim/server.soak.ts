import { onManySeeds } from "../../../rondo/tests/sim/few.ts";
import { serving } from "./server.ts";

onManySeeds(serving);
