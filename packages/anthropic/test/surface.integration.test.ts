import { join } from "node:path";
import { startModelServer, type ModelServer, type ReplyScript } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { toldBy } from "../../testing/test/run-script.ts";
import { STEPS } from "./surface.ts";

const CALL: ReplyScript = { toolCalls: [{ name: "weather", arguments: '{"city":"Köln"}' }] };
const CITATION = {
  type: "char_location",
  cited_text: "x",
  document_index: 0,
  document_title: null,
  file_id: null,
  start_char_index: 0,
  end_char_index: 1,
};

/** What the server says to a step. */
const SCRIPTS: readonly (readonly [name: string, script: ReplyScript])[] = [
  ["tools and thoughts", { ...CALL, content: "Grüße 🙂", reasoning: "hm, hm" }],
  ["with tools", CALL],
  ["citations", { content: "so it is", annotations: [CITATION] }],
  ["parse", { content: '{"answer":4}' }],
];

const folder = freshDirectory("anthropic");
let server: ModelServer;
let file: string;
let runs = 0;

beforeEach(async () => {
  server = await startModelServer();
  file = join(folder, `${++runs}.db`);
  server.reply(({ body }) => {
    const text = body.toString("utf8");
    if (text.includes("beta tool runner") && !text.includes("tool_result")) return CALL;
    return SCRIPTS.find(([name]) => text.includes(name))?.[1] ?? {};
  });
});
afterEach(() => server.close());

function inAProcess(passes: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return toldBy(new URL("restart-child.ts", import.meta.url), [server.url, file, String(passes)]);
}

test("asked once, then from the cache with equal results of equal types, also in another process", async () => {
  const [first = {}, second] = await inAProcess(2);
  const asked = server.count();
  expect(Object.keys(first)).toEqual(STEPS.map(({ name }) => name));
  expect(Object.values(first).filter((each) => typeof each === "string" && each.startsWith("failed"))).toEqual([]);
  expect(asked).toBe(STEPS.reduce((sum, { asks = 1 }) => sum + asks, 0));
  const [third] = await inAProcess(1);
  for (const [name, seen] of Object.entries(first))
    expect([name, second?.[name], third?.[name]]).toEqual([name, seen, seen]);
  expect(server.count()).toBe(asked);
});
