import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { Growth } from "./children/growth.ts";
import { KINDS } from "./children/kinds.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const CALLS = FULL ? 100_000 : 10_000;
/** Noise of the collector. Whoever keeps 64 bytes of each call is found by the short form, with 6 by the long one. */
const MOST_BYTES = 640_000;
const CHILD = join(import.meta.dirname, "children/growth.ts");

describe.concurrent(`${CALLS} calls leave no timer, listener, handle or growing map:`, () => {
  test.each(Object.keys(KINDS))("%s", { timeout: FULL ? 600_000 : 60_000 }, async (kind) => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--conditions=@llmcache/source",
      "--expose-gc",
      CHILD,
      kind,
      String(CALLS),
    ]);
    const growth = JSON.parse(stdout) as Growth;
    expect(growth.bytes).toBeLessThan(MOST_BYTES);
    expect(growth.resources).toEqual(growth.resourcesBefore);
    expect(growth).toMatchObject({ listeners: 0, inFlight: 0, warnings: [] });
  });
});
