/**
 * Opens a cache when told, stores one entry, says what happened, and closes when told again. Arguments: path, key, and
 * `leave` to end without closing.
 */
import { isLLMCacheError } from "@llmcache/core";
import { sampleId } from "@llmcache/core/conformance";
import { DiskStore } from "@llmcache/disk";
import { say, sealedEntry, told } from "./talk.ts";

const [path = "", key = "", end = "close"] = process.argv.slice(2);
const store = new DiskStore({ path });
store.on((event) => say("event", event.type));
const attempt = async (what: string, call: () => Promise<unknown>): Promise<void> => {
  try {
    const result = await call();
    say(what, result === undefined ? "done" : "found");
  } catch (error) {
    say(what, "failed", isLLMCacheError(error) ? `${error.code} ${error.message}` : String(error));
  }
};

if (end === "close") {
  say("ready");
  await told();
}
await attempt("get", () => store.get({ id: sampleId("there") }));
await attempt("set", () => store.set(sealedEntry(key, 1, key)));
await attempt("get", () => store.get({ id: sampleId(key) }));
if (end === "close") {
  say("holding");
  await told();
  await store[Symbol.asyncDispose]();
}
