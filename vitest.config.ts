import { defineConfig } from "vitest/config";

/** Tests run on the sources: nothing has to be built first. */
const conditions = ["@llmcache/source"];
/** `npm run test:full`: tests may search longer. */
const full = process.env["LLMCACHE_TEST_FULL"] === "1";

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  resolve: { conditions },
  test: {
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["{packages,apps}/*/test/**/*.test.ts"],
          exclude: ["**/*.integration.test.ts", "**/node_modules/**"],
          testTimeout: full ? 600_000 : 10_000,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["{packages,apps}/*/test/**/*.integration.test.ts", "examples/**/*.test.ts"],
          exclude: ["**/node_modules/**"],
          testTimeout: full ? 1_800_000 : 60_000,
          hookTimeout: 120_000,
          globalSetup: ["scripts/servers/global-setup.mjs"],
        },
      },
    ],
  },
});
