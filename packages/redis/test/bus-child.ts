// A process with a copy of its own: copies what it is told, and says when the copy is gone.
import { once } from "node:events";
import { Redis } from "ioredis";
import { MapStore, TieredStore } from "@llmcache/core";
import { redisBus, RedisStore } from "@llmcache/redis";
import { eventually } from "./polling.ts";

const [url = "", prefix = ""] = process.argv.slice(2);
const client = new Redis(url);
const near = new MapStore();
const bus = redisBus({ client, channel: prefix });
const store = new TieredStore([near, new RedisStore({ client, prefix })], { bus });
await bus.listening();
process.send?.("ready");
const [id] = (await once(process, "message")) as [string];
await store.get({ id });
await store.settled();
if ((await near.get({ id })) !== undefined) process.send?.("copied");
await eventually(async () => {
  if ((await near.get({ id })) !== undefined) throw new Error("It is still there.");
});
process.send?.("gone", () => process.disconnect());
await store[Symbol.asyncDispose]();
await bus[Symbol.asyncDispose]();
client.disconnect();
