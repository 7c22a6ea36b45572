import type { Json } from "@llmcache/core";
import { expect, test, vi } from "vitest";
import { AssembledCall, type AssembledRules, type ServerSentEvent, type StreamAssembly } from "../src/index.ts";

const REQUEST = { operation: "o", prompt: "p" };
const GOOD: StreamAssembly = { answer: { a: 1 }, whole: true, lossless: true, failed: false };

function callOf(assembly: Partial<StreamAssembly>) {
  const assemble = vi.fn<AssembledRules["assemble"]>(() => ({ ...GOOD, ...assembly }));
  const rules: AssembledRules = {
    assemble,
    note: () => ({ model: "m" }),
    toEvents: (answer) => [{ event: "message", data: JSON.stringify(answer) }],
    endsStream: ({ data }) => data === "end",
  };
  const judge = vi.fn<(answer: Json) => "store">(() => "store");
  return { call: new AssembledCall(rules, REQUEST, true, judge), assemble, judge };
}

test.each<[string, Partial<StreamAssembly>, verdict: string, made: boolean, noted: boolean]>([
  ["whole", {}, "store", true, true],
  ["failed", { failed: true }, "fail", false, true],
  ["cut", { whole: false }, "none", false, true],
  ["without an answer", { answer: undefined }, "none", false, false],
  ["that says more than its answer", { lossless: false }, "store", false, true],
])("a stream %s", (_, assembly, verdict, made, noted) => {
  const { call } = callOf(assembly);
  expect(call.judgeEvents([])).toBe(verdict);
  expect(call.toAnswer([])).toEqual(made ? GOOD.answer : undefined);
  expect(call.noteEvents([])).toEqual(noted ? { model: "m" } : {});
});

test("a stream is put together once, unless events have come since", () => {
  const { call, assemble, judge } = callOf({});
  const events: ServerSentEvent[] = [{ event: "message", data: "a" }];
  call.judgeEvents(events);
  call.noteEvents(events);
  call.toAnswer(events);
  expect(assemble).toHaveBeenCalledTimes(1);
  events.push({ event: "message", data: "b" });
  call.toAnswer(events);
  call.toAnswer([...events]);
  expect(assemble).toHaveBeenCalledTimes(3);
  expect(judge).toHaveBeenCalledTimes(1);
});
