// npm run bench:semantic [-- options]: what similarity and guard do with labelled pairs of prompts.
import { join } from "node:path";
import { setupAndBuild } from "./build.mjs";
import { runInForeground } from "./command.mjs";
import { environment, node, root } from "./setup.mjs";

const args = [join(root, "apps/bench/src/semantic/main.ts"), ...process.argv.slice(2)];

process.exitCode = (await setupAndBuild()) ? await runInForeground(node, args, { env: environment }) : 1;
