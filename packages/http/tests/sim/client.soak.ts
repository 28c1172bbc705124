import { onManySeeds } from "../../../rondo/tests/sim/few.ts";
import { asking } from "./client.ts";

onManySeeds(asking);
