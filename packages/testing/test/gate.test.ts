import { expect, test } from "vitest";
import { createChunkGate, createGate } from "../src/model-server.ts";

/** What is still waiting after every microtask has run. */
async function passed(waits: readonly Promise<void>[]): Promise<boolean[]> {
  const states = waits.map(() => false);
  for (const [index, wait] of waits.entries()) void wait.then(() => (states[index] = true));
  await new Promise((resolve) => setImmediate(resolve));
  return states;
}

test("a gate is closed until it is opened, and opening twice does nothing", async () => {
  const gate = createGate();
  expect(await passed([gate.opened])).toEqual([false]);
  gate.open();
  gate.open();
  expect(await passed([gate.opened])).toEqual([true]);
});

test("a chunk gate lets through as many chunks as it was told, waiting or still to come", async () => {
  const gate = createChunkGate();
  const waits = [gate(0), gate(1), gate(2)];
  expect(await passed(waits)).toEqual([false, false, false]);
  gate.pass(1);
  expect(await passed(waits)).toEqual([true, false, false]);
  gate.pass(1);
  expect(await passed([...waits, gate(1), gate(3)])).toEqual([true, true, false, true, false]);
});

test("an open chunk gate lets everything through", async () => {
  const gate = createChunkGate();
  const waits = [gate(0), gate(7)];
  gate.open();
  gate.pass(1);
  expect(await passed([...waits, gate(8)])).toEqual([true, true, true]);
});
