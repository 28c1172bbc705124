import { onManySeeds } from "../../../rondo/tests/sim/few.ts";
import { websockets } from "./websockets.ts";

onManySeeds(websockets);
