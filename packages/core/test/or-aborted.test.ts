import { expect, test } from "vitest";
import { orAborted } from "../src/index.ts";

const never = new Promise<never>(() => undefined);

test("what the work gives, or its failure", async () => {
  const { signal } = new AbortController();
  expect(await orAborted(Promise.resolve(1), signal)).toBe(1);
  expect(await orAborted(Promise.resolve(1), undefined)).toBe(1);
  await expect(orAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
});

test("the signal's reason, before or while it is waited for, though the work never ends", async () => {
  const reason = new Error("enough");
  await expect(orAborted(never, AbortSignal.abort(reason))).rejects.toBe(reason);
  const controller = new AbortController();
  const waiting = orAborted(never, controller.signal);
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});

test("a failure of the work that comes too late is nobody's", async () => {
  const work = Promise.withResolvers<never>();
  const reason = new Error("enough");
  await expect(orAborted(work.promise, AbortSignal.abort(reason))).rejects.toBe(reason);
  work.reject(new Error("late"));
  await new Promise(setImmediate);
});
