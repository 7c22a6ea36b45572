import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/**
 * Runs the SDK's own tests with our `fetch` in between. They are not here: `LLMCACHE_OPENAI_NODE` is the folder of a checkout of
 * openai/openai-node, best at the tag of the installed version. `LLMCACHE_SDK_BASELINE=1` leaves our `fetch` out.
 *
 *   LLMCACHE_OPENAI_NODE=… vitest run --config packages/openai/test/sdk/vitest.config.ts
 */
const checkout = process.env["LLMCACHE_OPENAI_NODE"];
if (checkout === undefined)
  throw new Error("LLMCACHE_OPENAI_NODE must be the folder of a checkout of openai/openai-node.");

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const sdk = fileURLToPath(new URL("../../node_modules/openai/", import.meta.url));
const conditions = ["@llmcache/source"];

export default defineConfig({
  root: checkout,
  ssr: { resolve: { conditions, externalConditions: conditions } },
  resolve: {
    conditions,
    alias: [
      { find: /^openai$/, replacement: beside("openai.ts") },
      { find: /^openai\/(?:core\/)?streaming$/, replacement: beside("streaming.ts") },
      { find: /^openai\/(.+)$/, replacement: join(sdk, "$1.mjs") },
    ],
  },
  test: {
    globals: true,
    include: [
      "tests/api-resources/chat/completions/completions.test.ts",
      "tests/api-resources/responses/responses.test.ts",
      "tests/api-resources/{completions,embeddings,moderations}.test.ts",
      "tests/{index,streaming}.test.ts",
      "tests/lib/{ChatCompletion*,Response*,embeddings*}.test.ts",
    ],
    setupFiles: [beside("jest.ts")],
    globalSetup: [beside("server.ts")],
  },
});
