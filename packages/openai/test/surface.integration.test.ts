import { join } from "node:path";
import { startModelServer, type ModelServer, type ReplyScript } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { toldBy } from "../../testing/test/run-script.ts";
import { STEPS } from "./surface.ts";

/** Other versions of the SDK to go through: `index.mjs` of each, with commas between. */
const SDKS = (process.env["LLMCACHE_OPENAI_SDKS"] ?? "").split(",").filter((path) => path !== "");

const CALL = { toolCalls: [{ name: "weather", arguments: '{"city":"Köln"}' }] };

/** What the server says to a step. */
const SCRIPTS: readonly (readonly [name: string, script: ReplyScript])[] = [
  ["with tools", CALL],
  ["parsed", { content: '{"answer":4}' }],
  [
    "chat with reasoning and annotations",
    { content: "Grüße 🙂", reasoning: "hm", annotations: [{ type: "url_citation" }] },
  ],
];

const folder = freshDirectory("openai");
let server: ModelServer;
let file: string;
let runs = 0;

beforeEach(async () => {
  server = await startModelServer();
  file = join(folder, `${++runs}.db`);
  server.reply(({ body }) => {
    const text = body.toString("utf8");
    if (text.includes("chat that runs tools") && !text.includes('"role":"tool"')) return CALL;
    return SCRIPTS.find(([name]) => text.includes(name))?.[1] ?? {};
  });
});
afterEach(() => server.close());

interface Told {
  readonly version: string;
  /** By pass and step. */
  readonly told: readonly Readonly<Record<string, unknown>>[];
}

function inAProcess(way: string, passes: number, sdk: string): Promise<Told> {
  return toldBy(new URL("surface-child.ts", import.meta.url), [server.url, file, way, String(passes), sdk]);
}

describe.each(["openai", ...SDKS])("%s", (sdk) => {
  // Clients of 4 cannot be made of others: they are given our fetch.
  test.each(sdk.includes("/v4/") ? ["fetch"] : ["fetch", "client"])(
    "by %s: asked once, then from the cache with equal results of equal types, also in another process",
    async (way) => {
      const { version, told } = await inAProcess(way, 2, sdk);
      const [first = {}, second] = told;
      const asked = server.count();
      const major = Number.parseInt(version, 10);
      expect(Object.keys(first)).toEqual(STEPS.filter(({ since = 0 }) => since <= major).map(({ name }) => name));
      expect(Object.values(first).filter((each) => typeof each === "string" && each.startsWith("failed"))).toEqual([]);
      // In two passes each step has asked once, and the one that runs tools twice.
      expect(asked).toBe(Object.keys(first).length + ("chat that runs tools" in first ? 1 : 0));
      const [third] = (await inAProcess(way, 1, sdk)).told;
      for (const [name, seen] of Object.entries(first))
        expect([name, second?.[name], third?.[name]]).toEqual([name, seen, seen]);
      expect(server.count()).toBe(asked);
    },
  );
});
