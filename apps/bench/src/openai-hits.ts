import { LLMCache } from "@llmcache/core";
import { cachedOpenAI } from "@llmcache/openai";
import OpenAI from "openai";
import { QUICK, type Contender, type Effort, type Suite } from "./harness.ts";
import { answerOf } from "./samples.ts";

const question = {
  model: "gpt-4o-mini",
  messages: [{ role: "user" as const, content: "What is the answer to the question? ".repeat(100) }],
};
const CHUNKS = 300;
/** After so many the engine has optimised what a call goes through, which is a hundred functions. */
const CALLS = 10_000;
const STREAMS = 500;
const HIT = "hit in cachedOpenAI";
const WIRE = "hit in cachedOpenAI, on the wire";
/** A header that says nothing keeps a client off the fast path. */
const ON_THE_WIRE = { defaultHeaders: { "x-on-the-wire": "1" } };

/** A hit through the official client, beside the client over a stub that answers at once. */
export async function openAIHits(effort: Effort): Promise<Suite> {
  const text = JSON.stringify(answerOf(4096));
  const stub = clientOver(() => new Response(text, { headers: { "content-type": "application/json" } }));
  const cache = new LLMCache();
  const cached = cachedOpenAI(stub, cache);
  await cached.chat.completions.create(question);
  await cache.settled();
  const ask = (name: string, client: OpenAI): Contender => ({
    name,
    async run(times) {
      for (let i = 0; i < times; i++) await client.chat.completions.create(question);
    },
  });
  return warmedUp(effort === QUICK ? 100 : CALLS, {
    title: "openai client, 4 kB in, 4 kB out",
    contenders: [
      ask("over a stub that answers at once", stub),
      ask(HIT, cached),
      ask(WIRE, cachedOpenAI(stub.withOptions(ON_THE_WIRE), cache)),
    ],
    targets: {
      [HIT]: {
        atMost: 0.25,
        whyMissed:
          "The client's own objects are made by the client: promise, headers of the options, the answer's copy. What is left of it is most of a hit (decision 0015).",
      },
    },
  });
}

/** The same for a stream of 300 chunks. */
export async function openAIStreamHits(effort: Effort): Promise<Suite> {
  const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_700_000_000, model: "gpt-4o-mini" };
  const chunk = (delta: object, finish: string | null): string =>
    `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`;
  const events = [
    chunk({ role: "assistant", content: "" }, null),
    ...Array.from({ length: CHUNKS - 2 }, (_, i) => chunk({ content: `word${i} ` }, null)),
    chunk({}, "stop"),
    "data: [DONE]\n\n",
  ].map((event) => Buffer.from(event));
  const stub = clientOver(
    () => new Response(ReadableStream.from(events), { headers: { "content-type": "text/event-stream" } }),
  );
  const cache = new LLMCache();
  const cached = cachedOpenAI(stub, cache);
  const read = async (client: OpenAI): Promise<void> => {
    let chunks = 0;
    for await (const _ of await client.chat.completions.create({ ...question, stream: true })) chunks++;
    if (chunks !== CHUNKS) throw new Error(`${chunks} chunks instead of ${CHUNKS}`);
  };
  await read(cached);
  await cache.settled();
  const ask = (name: string, client: OpenAI): Contender => ({
    name,
    async run(times) {
      for (let i = 0; i < times; i++) await read(client);
    },
  });
  return warmedUp(effort === QUICK ? 10 : STREAMS, {
    title: `openai client, stream of ${CHUNKS} chunks`,
    contenders: [
      ask("over a stub that answers at once", stub),
      ask(HIT, cached),
      ask(WIRE, cachedOpenAI(stub.withOptions(ON_THE_WIRE), cache)),
    ],
    targets: {
      [HIT]: {
        atMost: 0.1,
        whyMissed:
          "The client copies every chunk of a chat stream itself, a third of what is left, and each chunk is a promise and an object of its own (decision 0015).",
      },
    },
  });
}

/** As in a server that has been running for a while: each contender, alternately. */
async function warmedUp(times: number, suite: Suite): Promise<Suite> {
  const turns = 10;
  for (let turn = 0; turn < turns; turn++) for (const each of suite.contenders) await each.run(times / turns);
  return suite;
}

function clientOver(answer: () => Response): OpenAI {
  return new OpenAI({
    apiKey: "none",
    baseURL: "http://localhost/v1",
    maxRetries: 0,
    fetch: () => Promise.resolve(answer()),
  });
}
