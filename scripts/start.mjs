// npm start [-- options]: builds the gateway and runs it.
import { join } from "node:path";
import { setupAndBuild } from "./build.mjs";
import { runInForeground } from "./command.mjs";
import { environment, node, root } from "./setup.mjs";

const args = [join(root, "apps/gateway/dist/main.js"), ...process.argv.slice(2)];

process.exitCode = (await setupAndBuild(["--filter=@llmcache/gateway..."]))
  ? await runInForeground(node, args, { env: environment })
  : 1;
