// A process that asks one thing when it is told to, over the store that LLMCACHE_STORE names, and says how it was answered.
import { once } from "node:events";
import { LLMCache } from "../src/index.ts";
import { openStore } from "../src/open.ts";

const { ASKER_PROVIDER = "", ASKER_LEASE_MS = "0" } = process.env;
const store = await openStore();
const cache = new LLMCache({ store, leaseMs: Number(ASKER_LEASE_MS), storeTimeoutMs: 20_000 });
const request = { operation: "chat.completions", model: "m", prompt: "the same of all" };
// Connected, and everything is loaded.
await cache.get({ ...request, prompt: "something else" });
process.send?.("ready");
await once(process, "message");
const { status, value } = await cache.through(request, async () => (await fetch(ASKER_PROVIDER)).text());
await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
// Nothing is ended by hand: a handle that is left would keep the process alive.
process.send?.({ status, value }, () => process.disconnect());
