// A gateway in a process of its own: `load-gateway.ts <base URL> <store>`; a store is a file, or "memory".
import { LLMCache, MapStore } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { createGateway } from "@llmcache/gateway";
import { listen } from "./gateway-stage.ts";

const [, , baseURL = "", path = "memory"] = process.argv;
const store = path === "memory" ? new MapStore({ maxEntries: 20_000 }) : new DiskStore({ path });
const cache = new LLMCache({ store });
const gateway = createGateway({ cache, upstreams: [{ name: "model", api: "openai", baseURL }] });

process.on("message", () => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const handles = process.getActiveResourcesInfo().filter((name) => name !== "TCPSocketWrap").length;
  const connections = new Promise((resolve) => gateway.server.getConnections((_error, count) => resolve(count)));
  void connections.then((count) =>
    process.send?.({ bytes: heapUsed + arrayBuffers, handles, connections: count, inFlight: cache.inFlight }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ port: await listen(gateway) });
