import { onFewSeeds } from "../../../rondo/tests/sim/few.ts";
import { websockets } from "./websockets.ts";

onFewSeeds(websockets, 12);
