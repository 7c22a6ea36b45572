import { afterAll, test } from "vitest";
import type { StoreCheck, StoreCheckContext } from "@llmcache/core/conformance";

/** Makes a test of every check, and prints which ones are skipped, and why. */
export function registerChecks(checks: readonly StoreCheck[]): void {
  const skipped: string[] = [];
  for (const { name, skip, run } of checks) {
    if (skip === undefined) {
      test(name, run);
      continue;
    }
    skipped.push(`skipped: ${name} (${skip})`);
    test.skip(name, run);
  }
  afterAll(() => {
    if (skipped.length > 0) process.stdout.write(`${skipped.join("\n")}\n`);
  });
}

/** For `reopen` of the checks. */
export function closing<S extends AsyncDisposable>(open: (store: unknown, context: StoreCheckContext) => S) {
  return async (store: AsyncDisposable, context: StoreCheckContext): Promise<S> => {
    await store[Symbol.asyncDispose]();
    return open(store, context);
  };
}
