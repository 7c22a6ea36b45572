/** Stores entries until the disk gives out, then says whether what was acknowledged can still be read. Argument: path. */
import { isLLMCacheError } from "@llmcache/core";
import { sampleId } from "@llmcache/core/conformance";
import { DiskStore } from "@llmcache/disk";
import { say, sealedEntry, unsealed } from "./talk.ts";

const MOST = 20_000;
const [path = ""] = process.argv.slice(2);
const store = new DiskStore({ path });
store.on((event) => say("event", event.type));
let stored = 0;
let failure: unknown;
for (; stored < MOST && failure === undefined; stored++) {
  try {
    await store.set(sealedEntry(`key-${stored}`, stored, "filler"));
  } catch (error) {
    failure = error;
    stored--;
  }
}
say("stored", stored);
say("failure", isLLMCacheError(failure) ? `${failure.code} ${failure.message}` : String(failure));
let lost = 0;
for (let i = 0; i < stored; i++) {
  const hit = await store.get({ id: sampleId(`key-${i}`) });
  if (hit) unsealed(`key-${i}`, hit.entry);
  else lost++;
}
say("lost", lost);
await store.delete({ id: sampleId("key-0") }).then(
  () => say("delete done"),
  () => say("delete failed"),
);
await store[Symbol.asyncDispose]();
say("closed");
