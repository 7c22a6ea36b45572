/**
 * Works on a cache until it is killed or told to stop, saying what was acknowledged to it. Arguments: path, name, first turn.
 *
 * - `set KEY TURN`, `deleted KEY TURN`: of keys that only this name writes
 * - `won KEY`: an add that said yes, on keys that all names try
 * - `torn MESSAGE`: an entry that is not whole
 */
import { sampleId } from "@llmcache/core/conformance";
import { DiskStore } from "@llmcache/disk";
import { say, sealedEntry, told, unsealed } from "./talk.ts";

const OWN_KEYS = 40;
const SHARED_KEYS = 10;
const [path = "", name = "", firstTurn = "0"] = process.argv.slice(2);
const store = new DiskStore({ path, maxBytes: 1024 ** 3, busyTimeoutMs: 20_000 });
store.on((event) => say("event", event.type));

const stop = new AbortController();
void told().then(() => stop.abort());

async function read(key: string): Promise<void> {
  const hit = await store.get({ id: sampleId(key) });
  if (hit === undefined) return;
  try {
    unsealed(key, hit.entry);
  } catch (error) {
    say("torn", String(error));
  }
}

for (let turn = Number(firstTurn); !stop.signal.aborted; turn++) {
  const own = `${name}-${turn % OWN_KEYS}`;
  const shared = `shared-${turn % SHARED_KEYS}`;
  if (turn % 7 === 0) {
    await store.delete({ id: sampleId(own) });
    say("deleted", own, turn);
  } else if (turn % 11 === 0) {
    const keys = [own, `${name}-${(turn + 1) % OWN_KEYS}`];
    await store.setMany(keys.map((key) => sealedEntry(key, turn, name)));
    for (const key of keys) say("set", key, turn);
  } else {
    await store.set(sealedEntry(own, turn, name));
    say("set", own, turn);
  }
  await store.set(sealedEntry(shared, turn, name));
  const contested = `add-${turn}`;
  if (await store.add(sealedEntry(contested, turn, `${name} ${process.pid}`))) say("won", contested);
  await read(shared);
  await read(`shared-${(turn + 3) % SHARED_KEYS}`);
  await read(contested);
  if (turn % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
}
await store[Symbol.asyncDispose]();
say("stopped");
