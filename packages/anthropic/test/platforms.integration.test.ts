import type { BaseAnthropic } from "@anthropic-ai/sdk";
import type { Messages } from "@anthropic-ai/sdk/resources/messages/messages";
import { LLMCache, type JsonObject } from "@llmcache/core";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cachedAnthropic } from "../src/index.ts";
import { call } from "./asking.ts";

/** A folder in which the platforms' clients are installed: `@anthropic-ai/bedrock-sdk` and `@anthropic-ai/vertex-sdk`. */
const MODULES = process.env["LLMCACHE_ANTHROPIC_PLATFORMS"];

const message: JsonObject = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-4-5-20250929",
  content: [{ type: "text", text: "Grüße 🙂", citations: null }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 2 },
};
const asked = { max_tokens: 100, messages: [{ role: "user" as const, content: "hello" }] };
const told = call({ model: "m", ...asked }).toEvents(message) ?? [];

/** An event in the frame that AWS sends it in. */
function frame(data: string): Buffer {
  const header = (name: string, value: string): Buffer => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(Buffer.byteLength(value));
    return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7]), length, Buffer.from(value)]);
  };
  const headers = Buffer.concat([
    header(":event-type", "chunk"),
    header(":content-type", "application/json"),
    header(":message-type", "event"),
  ]);
  const payload = Buffer.from(JSON.stringify({ bytes: Buffer.from(data).toString("base64") }));
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const prelude = Buffer.concat([number(16 + headers.length + payload.length), number(headers.length)]);
  const body = Buffer.concat([prelude, number(crc32(prelude)), headers, payload]);
  return Buffer.concat([body, number(crc32(body))]);
}

interface Platform {
  readonly name: string;
  readonly module: string;
  readonly model: string;
  readonly paths: readonly [whole: RegExp, stream: RegExp];
  client(sdk: Record<string, new (options: object) => BaseAnthropic>, baseURL: string): BaseAnthropic;
  readonly stream: { readonly type: string; readonly body: readonly Buffer[] };
}

const PLATFORMS: readonly Platform[] = [
  {
    name: "Bedrock",
    module: "bedrock-sdk",
    model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    paths: [/\/invoke$/, /\/invoke-with-response-stream$/],
    client: (sdk, baseURL) =>
      new (sdk["AnthropicBedrock"] as (typeof sdk)[string])({
        baseURL,
        awsAccessKey: "a",
        awsSecretKey: "b",
        awsRegion: "us-east-1",
        maxRetries: 0,
      }),
    stream: { type: "application/vnd.amazon.eventstream", body: told.map(({ data }) => frame(data)) },
  },
  {
    name: "Vertex",
    module: "vertex-sdk",
    model: "claude-sonnet-4-5@20250929",
    paths: [/:rawPredict$/, /:streamRawPredict$/],
    client: (sdk, baseURL) =>
      new (sdk["AnthropicVertex"] as (typeof sdk)[string])({
        baseURL,
        region: "us-east5",
        projectId: "p",
        authClient: { getRequestHeaders: () => new Headers({ authorization: "Bearer secret" }), projectId: "p" },
        maxRetries: 0,
      }),
    stream: {
      type: "text/event-stream",
      body: told.map(({ event, data }) => Buffer.from(`event: ${event}\ndata: ${data}\n\n`)),
    },
  },
];

let server: ModelServer;

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(async () => server.close());

describe.skipIf(MODULES === undefined)("the client of", () => {
  test.each(PLATFORMS)("$name is answered from the cache, in one piece and as a stream", async (platform) => {
    const file = join(MODULES ?? "", "@anthropic-ai", platform.module, "index.mjs");
    const sdk = (await import(pathToFileURL(file).href)) as Record<string, new (options: object) => BaseAnthropic>;
    server.reply(({ path }) =>
      platform.paths[1].test(path)
        ? { raw: { headers: { "content-type": platform.stream.type }, body: platform.stream.body } }
        : { raw: { headers: { "content-type": "application/json" }, body: JSON.stringify(message) } },
    );
    const cache = new LLMCache();
    const given = platform.client(sdk, server.url);
    const client = cachedAnthropic(given, cache) as unknown as typeof given & { readonly messages: Messages };
    expect(client).toBeInstanceOf(given.constructor);
    const ask = { ...asked, model: platform.model };

    const whole = await client.messages.create(ask);
    await cache.settled();
    expect(await client.messages.create(ask)).toEqual(whole);
    expect((await client.messages.stream(ask).finalMessage()).content).toEqual(whole.content);
    expect(server.count()).toBe(1);
    expect(server.requests[0]?.path).toMatch(platform.paths[0]);

    const other = { ...ask, max_tokens: 7 };
    const first = await client.messages.stream(other).finalMessage();
    await cache.settled();
    const second = await client.messages.stream(other).finalMessage();
    expect(second).toEqual(first);
    expect(first.content).toEqual(whole.content);
    expect((await client.messages.create(other)).content).toEqual(whole.content);
    expect(server.count()).toBe(2);
    expect(server.requests[1]?.path).toMatch(platform.paths[1]);
    await cache[Symbol.asyncDispose]();
  });
});
