import { describe } from "vitest";
import { storeChecks, type StoreCheckContext } from "@llmcache/core/conformance";
import { dualSemanticStore, type DualSemanticStore } from "@llmcache/dual-semantic";
import { closing, registerChecks } from "../../core/test/register-checks.ts";
import { anyAbove, WordEmbedder } from "../../memory-semantic/test/stage.ts";
import { someCluster, someRedis } from "../../redis/test/servers.ts";

const redis = someRedis();
const cluster = someCluster();
const maxEntryBytes = 1024 * 1024;
const servers = [
  { name: "a single server", where: () => ({ url: redis.url }) },
  { name: "a Cluster", where: () => ({ nodes: cluster.nodes }) },
];

describe.each(servers)("dual-semantic over $name", ({ where }) => {
  const make = ({ label, clock }: StoreCheckContext): DualSemanticStore =>
    dualSemanticStore({
      ...where(),
      prefix: label,
      clock,
      maxEntryBytes,
      embedder: new WordEmbedder(),
      policy: anyAbove(0.9),
    });
  const open = (_: unknown, context: StoreCheckContext): DualSemanticStore => make(context);
  registerChecks(storeChecks(make, { reopen: closing(open), sibling: open, maxEntryBytes, similar: true }));
});
