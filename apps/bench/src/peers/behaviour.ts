import { isDeepStrictEqual } from "node:util";
import { InMemoryCache } from "@langchain/core/caches";
import { AIMessage, HumanMessage, type BaseMessage } from "@langchain/core/messages";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { cacheMiddleware } from "@llmcache/ai-sdk";
import { LLMCache, type JsonObject } from "@llmcache/core";
import { withCache } from "@llmcache/langchain";
import { wrapLanguageModel } from "ai";
import { documented } from "../documented-middleware.ts";
import { QUICK, type Effort } from "../harness.ts";
import { requestOf, type ChatSample } from "../samples.ts";
import type { Table } from "../table.ts";
import { OURS, PEERS, type Peer, type PeerKind } from "./peers.ts";

const CALLS = 1000;
/** Long enough for writes in the background. */
const PAUSE_MS = 20;
const request = requestOf(512);
/** JSON with what codecs and copies stumble over. */
const AWKWARD = JSON.parse(
  String.raw`{"text":"\ud800 \u0000 é","zero":0,"negative":-0.5,"none":null,"empty":"","list":[[],{}],"__proto__":{"a":1},"big":9007199254740991}`,
) as JsonObject;

/** What a cache does in the situations that hurt, found out by trying. */
export async function behaviour(effort: Effort): Promise<Table> {
  const calls = effort === QUICK ? 50 : CALLS;
  const rows: string[][] = [];
  for (const kind of [...OURS, ...PEERS]) {
    rows.push([
      kind.name,
      String(await callsAtOnce(kind, calls)),
      ...(await failing(kind, calls)),
      await sharing(kind),
      await nullAnswer(kind),
      await reordered(kind),
      await integrity(kind),
    ]);
  }
  return {
    title: "peers: what happens when",
    columns: [
      "",
      `${calls.toLocaleString("en")} equal calls at once: provider asked`,
      "the same while it fails: asked",
      "their callers get",
      "the next call asks again",
      "a caller changes what he got: others see it",
      "an answer of `null` is kept",
      "members in another order",
      "awkward JSON comes back as it was",
    ],
    rows,
    notes: ["`getOrSet`, `wrap` or what there is, each with its defaults; keyv has none: get, ask, set."],
  };
}

/** Requests that are not the same, and are taken for the same. */
export async function wrongHits(): Promise<Table> {
  return {
    title: "wrong hits of what makes its own keys",
    notes: ["What is left empty was not tried: LangChain and the AI SDK hand over different things."],
    columns: ["", "another model on one cache", "a turn of the conversation, and the same words in one message"],
    rows: [
      ["LangChain's InMemoryCache", "", await turns((model) => model, new InMemoryCache())],
      ["withCache of @llmcache/langchain", "", await turns((model) => withCache(model, new LLMCache()) as never)],
      ["AI SDK, a Map by `JSON.stringify(params)`", await otherModel(byParams()), ""],
      [
        "AI SDK middleware of its documentation",
        await otherModel(documented(new Map<string, unknown>())),
        "told apart",
      ],
      ["cacheMiddleware of @llmcache/ai-sdk", await otherModel(cacheMiddleware(new LLMCache())), ""],
    ],
  };
}

async function opened<T>(kind: PeerKind, use: (peer: Peer) => Promise<T>): Promise<T> {
  const peer = await kind.open(1000, (asked) => JSON.stringify(asked));
  try {
    return await use(peer);
  } finally {
    await peer.close?.();
  }
}

function callsAtOnce(kind: PeerKind, calls: number): Promise<number> {
  return opened(kind, async (peer) => {
    let asked = 0;
    await atOnce(calls, peer, async (allAreUnderWay) => {
      asked++;
      await allAreUnderWay;
      return { answer: 1 };
    });
    return asked;
  });
}

/** How often it was asked, what the callers got, and whether the next call asks again. */
function failing(kind: PeerKind, calls: number): Promise<readonly [string, string, string]> {
  return opened(kind, async (peer) => {
    let asked = 0;
    const fail = async (allAreUnderWay?: Promise<void>): Promise<never> => {
      asked++;
      await allAreUnderWay;
      throw new Error("overloaded");
    };
    const settled = await atOnce(calls, peer, fail);
    const during = asked;
    await peer.through(request, () => fail()).catch(() => undefined);
    return [String(during), whatCallersGot(settled), asked > during ? "yes" : "no"];
  });
}

/** None of them is answered before the last one has begun. */
async function atOnce(
  calls: number,
  peer: Peer,
  ask: (allAreUnderWay: Promise<void>) => Promise<unknown>,
): Promise<readonly PromiseSettledResult<unknown>[]> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const settled = Promise.allSettled(Array.from({ length: calls }, () => peer.through(request, () => ask(promise))));
  await pause();
  await pause();
  resolve();
  return settled;
}

function whatCallersGot(settled: readonly PromiseSettledResult<unknown>[]): string {
  const kinds = new Set(
    settled.map((each) => {
      if (each.status === "fulfilled") return `\`${String(each.value)}\`, as if it were the answer`;
      const { message, name } = each.reason as Error;
      return message === "overloaded" ? "the error" : `another error (${name})`;
    }),
  );
  return [...kinds].join("; ");
}

function sharing(kind: PeerKind): Promise<string> {
  return opened(kind, async (peer) => {
    const ask = async (): Promise<JsonObject> => ({ list: [1], text: "original" });
    const first = (await peer.through(request, ask)) as { list: number[] };
    await pause();
    first.list.push(2);
    const second = (await peer.through(request, ask)) as { list: number[] };
    const firstLeaks = second.list.length !== 1;
    second.list.push(3);
    const third = (await peer.through(request, ask)) as { list: number[] };
    const hitsLeak = third.list.length !== (firstLeaks ? 2 : 1);
    if (hitsLeak) return "yes";
    return firstLeaks ? "what the first caller changes" : "no";
  });
}

function nullAnswer(kind: PeerKind): Promise<string> {
  return opened(kind, async (peer) => {
    let asked = 0;
    for (let i = 0; i < 2; i++) {
      await peer.through(request, async () => {
        asked++;
        return null;
      });
      await pause();
    }
    return asked === 1 ? "yes" : "no";
  });
}

function reordered(kind: PeerKind): Promise<string> {
  return opened(kind, async (peer) => {
    let asked = 0;
    const ask = async (): Promise<JsonObject> => ({ answer: ++asked });
    await peer.through(request, ask);
    await pause();
    await peer.through(Object.fromEntries(Object.entries(request).reverse()) as unknown as ChatSample, ask);
    return asked === 1 ? "a hit" : "a miss";
  });
}

function integrity(kind: PeerKind): Promise<string> {
  return opened(kind, async (peer) => {
    await peer.through(request, async () => structuredClone(AWKWARD));
    await pause();
    const back = await peer.through(request, () => Promise.reject(new Error("a hit was expected")));
    return isDeepStrictEqual(back, structuredClone(AWKWARD)) ? "yes" : "no";
  });
}

async function turns(wrapped: (model: FakeListChatModel) => FakeListChatModel, cache?: InMemoryCache): Promise<string> {
  const model = wrapped(
    new FakeListChatModel({ responses: ["one", "two"], ...(cache === undefined ? {} : { cache }) }),
  );
  const conversation: BaseMessage[] = [new HumanMessage("a"), new AIMessage("b")];
  const first = await model.invoke(conversation);
  await pause();
  const second = await model.invoke([new HumanMessage("a\nAI: b")]);
  return first.content === second.content ? "WRONG HIT" : "told apart";
}

type Middleware = Parameters<typeof wrapLanguageModel>[0]["middleware"];

async function otherModel(middleware: Middleware): Promise<string> {
  const texts: string[] = [];
  for (const modelId of ["small", "large"]) {
    const { content } = await wrapLanguageModel({ model: namedModel(modelId), middleware }).doGenerate({
      prompt: [{ role: "user", content: [{ type: "text", text: "Who are you?" }] }],
    });
    texts.push(JSON.stringify(content));
    await pause();
  }
  return texts[0] === texts[1] ? "WRONG HIT" : "told apart";
}

/** As it is often written: what is asked makes the key, who is asked does not. */
function byParams(): Middleware {
  const map = new Map<string, unknown>();
  return {
    specificationVersion: "v4",
    wrapGenerate: async ({ doGenerate, params }) => {
      const key = JSON.stringify(params);
      const there = map.get(key) as Awaited<ReturnType<typeof doGenerate>> | undefined;
      if (there !== undefined) return there;
      const result = await doGenerate();
      map.set(key, result);
      return result;
    },
  };
}

function namedModel(modelId: string): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "bench",
    modelId,
    supportedUrls: {},
    doGenerate: async () => ({
      content: [{ type: "text", text: `I am ${modelId}.` }],
      finishReason: { unified: "stop", raw: "stop" },
      usage: {
        inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: 1, text: 1, reasoning: undefined },
      },
      warnings: [],
    }),
    doStream: () => Promise.reject(new Error("no streams here")),
  };
}

function pause(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, PAUSE_MS));
}
