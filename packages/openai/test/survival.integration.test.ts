import { LLMCache } from "@llmcache/core";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cachedOpenAI, type CachedOpenAI } from "../src/index.ts";

let server: ModelServer;
let cache: LLMCache;
let client: CachedOpenAI<OpenAI>;

beforeEach(async () => {
  server = await startModelServer();
  cache = new LLMCache();
  const plain = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
  client = cachedOpenAI(plain, cache, { storeAnyway: ["refusal"] });
});
afterEach(() => server.close());

/** As providers write it: not in our order, with spaces, escapes, exponents, integers beyond doubles, and what nobody knows. */
const ODD = '"future" :{"b":1.0,"a":[ 1e2,-0.0, 18446744073709551615 ],"\\u00fc":"\\ud83d\\ude42"}';

const MESSAGES: Readonly<Record<string, string>> = {
  text: '"content":"Gr\\u00fc\\u00dfe \\ud83d\\ude42 aus Köln 🙂"',
  "a tool call":
    '"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\\"a\\": 1.0}"}},{"id":"d","type":"custom","custom":{"name":"g","input":"ls | wc"}}]',
  "structured output": '"content":"{\\"answer\\": 4.0}"',
  reasoning:
    '"content":"4","reasoning_content":"two and two","reasoning_details":[{"type":"reasoning.encrypted","data":"AA=="}]',
  refusal: '"content":null,"refusal":"No\\u2028."',
  audio: '"content":null,"audio":{"id":"audio_1","data":"UklGRg==","expires_at":1729018505,"transcript":"Hi"}',
  annotations:
    '"content":"a [1]","annotations":[{"type":"url_citation","url_citation":{"url":"https://e.org/?a=1&b=2","title":"T","start_index":0,"end_index":1}}]',
};
const LOGPROBS =
  '"logprobs":{"content":[{"token":"a","logprob":-1.0e-5,"bytes":[97],"top_logprobs":[{"token":"a","logprob":-1e-05,"bytes":null}]}],"refusal":null}';

function chat(message: string): string {
  const choices = [0, 1].map(
    (n) => `{ ${LOGPROBS},"index":${n},"message":{"role":"assistant",${message}},"finish_reason":"stop" }`,
  );
  return `{\n "id":"1", "object":"chat.completion",${ODD},"created":1,"model":"gpt-4o",\n "choices":[${choices.join(" , ")}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2.0}}\n\n`;
}

const one = { model: "gpt-4o", messages: [{ role: "user" as const, content: "hello" }] };
/** As a stream several choices are one answer; in one piece, each is one of its own. */
const ask = { ...one, n: 2 };

describe.each(Object.entries(MESSAGES))("chat: %s", (_name, message) => {
  test("in one piece survives byte for byte, and as the objects that the client makes of it", async () => {
    const body = chat(message);
    server.reply({ raw: { headers: { "content-type": "application/json" }, body } });
    const first = await client.chat.completions.create(one);
    await cache.settled();
    const second = await client.chat.completions.create(one);
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
    expect(second).toStrictEqual(first);
    expect(await (await client.chat.completions.create(one).asResponse()).text()).toBe(body);
    expect(server.count()).toBe(1);
  });

  test("as a stream survives byte for byte, and event by event", async () => {
    const head = `"id":"1","object":"chat.completion.chunk",${ODD},"created":1,"model":"gpt-4o"`;
    const chunk = (choice: string): string => `data:  {${head}, "choices":[ ${choice} ]}\r\n\r\n`;
    const body = [
      ": keep-alive\r\n\r\n",
      ...[0, 1].map((n) =>
        chunk(`{"index":${n},${LOGPROBS},"delta":{"role":"assistant",${message}},"finish_reason":null}`),
      ),
      ...[0, 1].map((n) => chunk(`{"index":${n},"delta":{},"finish_reason":"stop"}`)),
      "event: message\r\ndata: [DONE]\r\n\r\n",
    ];
    server.reply({ raw: { headers: { "content-type": "text/event-stream" }, body } });
    const chunks = async (): Promise<string[]> => {
      const list: string[] = [];
      for await (const each of await client.chat.completions.create({ ...ask, stream: true }))
        list.push(JSON.stringify(each));
      return list;
    };
    const first = await chunks();
    await cache.settled();
    expect(await chunks()).toEqual(first);
    const again = await client.chat.completions.create({ ...ask, stream: true }).asResponse();
    expect(await again.text()).toBe(body.join(""));
    expect([first.length, server.count()]).toEqual([4, 1]);
  });
});

const ITEMS: Readonly<Record<string, string>> = {
  annotations:
    '{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"a","logprobs":[{"token":"a","bytes":[97],"logprob":-1e-05,"top_logprobs":[]}],"annotations":[{"type":"file_citation","file_id":"f","index":0,"filename":"a.pdf"}]}]}',
  reasoning:
    '{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAA=="},{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"4","annotations":[]}]}',
  refusal:
    '{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"refusal","refusal":"No."}]}',
  "an image": '{"id":"ig_1","type":"image_generation_call","status":"completed","result":"iVBORw0KGgo="}',
  calls:
    '{"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":"{\\"a\\": 1.0}","status":"completed"},{"id":"ctc_1","type":"custom_tool_call","call_id":"d","name":"g","input":"ls"}',
};

describe.each(Object.entries(ITEMS))("Responses: %s", (_name, items) => {
  const asking = { model: "gpt-4o", input: "hello" };
  const response = (status: string, output: string): string =>
    `{ "id":"resp_1","object":"response",${ODD},"created_at":1,"model":"gpt-4o","status":"${status}", "output":[${output}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2.0} }`;

  test("in one piece survives byte for byte, and as the objects that the client makes of it", async () => {
    const body = `${response("completed", items)}\n`;
    server.reply({ raw: { headers: { "content-type": "application/json" }, body } });
    const first = await client.responses.create(asking);
    await cache.settled();
    const second = await client.responses.create(asking);
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
    expect(second).toStrictEqual(first);
    expect(await (await client.responses.create(asking).asResponse()).text()).toBe(body);
    expect(server.count()).toBe(1);
  });

  test("as a stream survives byte for byte, and event by event", async () => {
    const body = [
      `event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":${response("in_progress", "")}}\n\n`,
      `event: response.completed\ndata: {"sequence_number":1, "type":"response.completed","response":${response("completed", items)}}\n\n`,
    ];
    server.reply({ raw: { headers: { "content-type": "text/event-stream" }, body } });
    const events = async (): Promise<string[]> => {
      const list: string[] = [];
      for await (const each of await client.responses.create({ ...asking, stream: true }))
        list.push(JSON.stringify(each));
      return list;
    };
    const first = await events();
    await cache.settled();
    expect(await events()).toEqual(first);
    const again = await client.responses.create({ ...asking, stream: true }).asResponse();
    expect(await again.text()).toBe(body.join(""));
    // The stream's last event is what a call in one piece gets.
    const whole = await client.responses.create(asking);
    expect(JSON.parse(first.at(-1) ?? "")).toMatchObject({ response: { output: whole.output, usage: whole.usage } });
    expect([first.length, server.count()]).toEqual([2, 1]);
  });
});
