// One scenario, for a parent that gave this process the place it needs. Arguments: pace, name. Prints the report.
import { drive } from "./drive.ts";
import { FULL, SHORT } from "./pace.ts";
import { SCENARIOS } from "./scenarios.ts";
import { Servers } from "./servers.ts";

const [paceName, name] = process.argv.slice(2);
const scenario = SCENARIOS.find((one) => one.name === name);
if (scenario === undefined) throw new Error(`There is no scenario ${JSON.stringify(name)}.`);
await using servers = new Servers();
process.stdout.write(JSON.stringify(await drive(scenario, paceName === FULL.name ? FULL : SHORT, servers)));
