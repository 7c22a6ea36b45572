/** Takes the permission to write from its own cache and gives it back, saying what happens. Argument: path. */
import { chmodSync, rmSync } from "node:fs";
import { isLLMCacheError } from "@llmcache/core";
import { sampleId } from "@llmcache/core/conformance";
import { DiskStore } from "@llmcache/disk";
import { say, sealedEntry } from "./talk.ts";

const [path = ""] = process.argv.slice(2);
const first = new DiskStore({ path });
await first.set(sealedEntry("there", 1, "first"));
await first[Symbol.asyncDispose]();
rmSync(`${first.file}-lock`);
chmodSync(path, 0o500);

let now = 0;
const store = new DiskStore({ path, clock: () => now });
store.on((event) => say("event", event.type));
const read = async (): Promise<void> => say("read", (await store.get({ id: sampleId("there") })) ? "found" : "nothing");
const write = (): Promise<void> =>
  store.set(sealedEntry("mine", 1, "second")).then(
    () => say("write done"),
    (error: unknown) => say("write failed", isLLMCacheError(error) ? `${error.code} ${error.message}` : String(error)),
  );
await read();
await write();
now += 10_000;
await write();
await read();
chmodSync(path, 0o700);
now += 10_000;
await write();
await read();
await store[Symbol.asyncDispose]();
