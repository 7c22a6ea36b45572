// npm run bench [-- options]: measures the packages as they are published, built.
import { join } from "node:path";
import { setupAndBuild } from "./build.mjs";
import { runInForeground } from "./command.mjs";
import { environment, node, root } from "./setup.mjs";

const args = [join(root, "apps/bench/src/main.ts"), ...process.argv.slice(2)];

process.exitCode = (await setupAndBuild()) ? await runInForeground(node, args, { env: environment }) : 1;
