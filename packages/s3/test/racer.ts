// A process that races others: adds one entry for each id that it is told, and says which ones it won.
import { once } from "node:events";
import { sampleEntry } from "@llmcache/core/conformance";
import { s3Store } from "@llmcache/s3";

const [name = "", prefix = "", place = "{}"] = process.argv.slice(2);
const store = s3Store({ ...JSON.parse(place), prefix, timeoutMs: 30_000 });
// The probe and the connection are not what is raced for.
await store.add(sampleEntry({ id: name }));
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
