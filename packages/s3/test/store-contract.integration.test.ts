import { describe } from "vitest";
import { aesCodec, codecs, zstdCodec } from "@llmcache/core";
import { storeChecks, type StoreCheckContext } from "@llmcache/core/conformance";
import { s3Store, type S3Store } from "@llmcache/s3";
import { registerChecks } from "../../core/test/register-checks.ts";
import { someS3 } from "./servers.ts";

const MAX_ENTRY_BYTES = 1024 * 1024;

const s3 = someS3();

describe.each([
  ["plain", undefined, MAX_ENTRY_BYTES],
  // What is too large is not, when it is compressed.
  ["compressed and sealed", codecs(zstdCodec(), aesCodec({ keys: [{ id: "k", key: "0".repeat(64) }] })), undefined],
])("%s, it keeps the contract", (_, codec, maxEntryBytes) => {
  const make = ({ label, clock }: StoreCheckContext): S3Store =>
    s3Store({ ...s3.place, prefix: label, clock, codec, maxEntryBytes });
  registerChecks(
    storeChecks(make, {
      ...(maxEntryBytes === undefined ? {} : { maxEntryBytes }),
      sibling: (_store, context) => make(context),
      reopen: async (store, context) => {
        await store[Symbol.asyncDispose]();
        return make(context);
      },
    }),
  );
});
