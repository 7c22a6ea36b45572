import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { askAtOnce } from "../../core/test/askers.ts";

test("eight processes on one file that ask the same thing make one call, though it takes longer than a lease", async () => {
  const folder = await mkdtemp(join(tmpdir(), "llmcache-sharing-"));
  try {
    const { calls, outcomes, exitCodes } = await askAtOnce({
      processes: 8,
      store: `disk:${join(folder, "cache.db")}`,
      folder: fileURLToPath(new URL("..", import.meta.url)),
      leaseMs: 500,
      answerMs: 1500,
    });
    expect(calls).toBe(1);
    expect(outcomes.every(({ value }) => value === "answer 1")).toBe(true);
    expect(exitCodes.every((code) => code === 0)).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 60_000);
