// npm run chaos [-- options]: breaks real servers and disks under load, on the built packages, and rewrites the table in docs/faults.md.
import { join } from "node:path";
import { setupAndBuild } from "./build.mjs";
import { runInForeground } from "./command.mjs";
import { environment, node, root } from "./setup.mjs";

const args = [join(root, "apps/chaos/src/main.ts"), ...process.argv.slice(2)];

process.exitCode = (await setupAndBuild(["--filter=@llmcache/chaos..."]))
  ? await runInForeground(node, args, { env: environment })
  : 1;
