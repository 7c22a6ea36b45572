// A process that races others: adds one entry as often as it is told ids, and says which ones it won.
import { once } from "node:events";
import { sampleEntry } from "@llmcache/core/conformance";
import { redisStore } from "@llmcache/redis";

const [name = "", prefix = "", ...nodes] = process.argv.slice(2);
const store =
  nodes.length === 0 ? redisStore({ prefix, timeoutMs: 20_000 }) : redisStore({ nodes, prefix, timeoutMs: 20_000 });
await store.get({ id: "connected" });
process.send?.("ready");
const [{ ids, over, createdAt }] = (await once(process, "message")) as [
  { ids: string[]; over?: number; createdAt: number },
];
const won: string[] = [];
const race = async (id: string): Promise<void> => {
  const options = over === undefined ? {} : { over: { id, createdAt: over } };
  if (await store.add(sampleEntry({ id, value: name, createdAt }), options)) won.push(id);
};
await Promise.all(ids.map(race));
// Nothing is ended by hand: a handle that is left would keep the process alive.
process.send?.({ name, won }, () => process.disconnect());
await store[Symbol.asyncDispose]();
