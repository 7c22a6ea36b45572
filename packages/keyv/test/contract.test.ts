import { join } from "node:path";
import { Keyv } from "keyv";
import { describe, expect, test } from "vitest";
import { aesCodec, codecs, zstdCodec } from "@llmcache/core";
import { storeChecks, type StoreCheckContext, type StoreCheckOptions } from "@llmcache/core/conformance";
import { KeyvStore } from "@llmcache/keyv";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { sqlite } from "./places.ts";

const IN_PROCESS_ONLY = "Keyv has no conditional write: add is atomic in the process only";
const MAX_ENTRY_BYTES = 2 * 1024 * 1024;

interface Case {
  readonly name: string;
  readonly make: (context: StoreCheckContext) => KeyvStore;
  readonly options?: StoreCheckOptions;
}

const file = join(freshDirectory("keyv"), "keyv.db");
const map = new Map<string, unknown>();
const codec = codecs(zstdCodec(), aesCodec({ keys: [{ id: "k", key: Buffer.alloc(32, 7) }] }));

const CASES: readonly Case[] = [
  {
    name: "a Keyv on a Map, with a namespace",
    make: ({ label }) =>
      new KeyvStore({ keyv: new Keyv({ store: map, namespace: label }), prefix: "", maxEntryBytes: MAX_ENTRY_BYTES }),
  },
  {
    name: "a Keyv on a Map, told apart by the prefix alone, without serialization",
    make: ({ label }) =>
      new KeyvStore({
        keyv: new Keyv({ store: map, serialization: false }),
        prefix: label,
        maxEntryBytes: MAX_ENTRY_BYTES,
      }),
  },
  {
    name: "SQLite's adapter",
    make: ({ label }) =>
      new KeyvStore({ adapter: sqlite(file, label), prefix: "", maxEntryBytes: MAX_ENTRY_BYTES, disconnect: true }),
    options: { nonAtomicAdd: IN_PROCESS_ONLY },
  },
  {
    name: "a Keyv on SQLite, told apart by the prefix alone",
    make: ({ label }) =>
      new KeyvStore({
        keyv: new Keyv({ store: sqlite(file) }),
        prefix: label,
        maxEntryBytes: MAX_ENTRY_BYTES,
        disconnect: true,
      }),
    options: { nonAtomicAdd: IN_PROCESS_ONLY },
  },
  {
    name: "SQLite's adapter, compressed and sealed",
    make: ({ label }) => new KeyvStore({ adapter: sqlite(file, label), prefix: "sealed-", codec, disconnect: true }),
    // What is compressed is not too large.
    options: { nonAtomicAdd: IN_PROCESS_ONLY, maxEntryBytes: undefined },
  },
];

describe.each(CASES)("$name keeps the contract", ({ make, options }) => {
  const given: StoreCheckOptions = {
    maxEntryBytes: MAX_ENTRY_BYTES,
    sibling: (_store, context) => make(context),
    reopen: async (store, context) => {
      await store[Symbol.asyncDispose]();
      return make(context);
    },
    ...options,
  };
  for (const check of storeChecks(make, given)) test.skipIf(check.skip !== undefined)(check.name, check.run);
});

describe("in one process", () => {
  const { make } = CASES[2] as Case;
  const racing = storeChecks(make).filter(({ name }) => name.includes("racing adds"));
  expect(racing).toHaveLength(3);
  for (const check of racing) test(`SQLite's adapter ${check.name}`, check.run);
});
