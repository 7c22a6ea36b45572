import type { Json, JsonObject } from "@llmcache/core";
import type { ListCall, WireCall, WireFormat } from "../src/index.ts";
import type { Provider } from "./stage.ts";

export const URL_OF_LISTS = "https://model.test/list";

/** An item of an answer: what was said of one word, by which model. */
interface Said {
  readonly text: string;
  readonly model: string;
}

/** A wire format small enough to see through: `{ words }` is answered by `{ model, said: [{ at, text }] }`. */
export const listFormat: WireFormat = {
  name: "lists",
  knows: ({ method, url }) => method === "POST" && url.pathname === "/list",
  read(_request, body) {
    const { words } = JSON.parse(Buffer.from(body).toString("utf8")) as JsonObject;
    return Array.isArray(words) ? wholeCall(words) : undefined;
  },
  readList(_request, body) {
    const asked = JSON.parse(Buffer.from(body).toString("utf8")) as JsonObject;
    if (asked["fail"] === true) throw new Error("Not understood.");
    const { words } = asked;
    if (!Array.isArray(words) || asked["whole"] === true) return undefined;
    const call = listCall(asked, words);
    // A word takes as many tokens as it has letters, where that is counted.
    if (asked["counted"] !== true) return call;
    return {
      ...call,
      noteItem: ({ text }) => ({ tokens: text.length }),
      countOf: (answer) => ((answer as JsonObject)["said"] as readonly Json[] | undefined)?.length,
    };
  },
};

function listCall(asked: JsonObject, words: readonly Json[]): ListCall<Said> {
  return {
    requests: words.map((prompt) => ({ operation: "embeddings", provider: "model.test", prompt })),
    bodyOf: (positions) => JSON.stringify({ ...asked, words: positions.map((position) => words[position] as Json) }),
    split(answer, count) {
      const { said, model } = answer as { readonly said?: readonly JsonObject[]; readonly model: string };
      if (!Array.isArray(said) || said.length !== count) return undefined;
      const sorted = said.toSorted((one, other) => Number(one["at"]) - Number(other["at"]));
      return {
        items: sorted.map(({ text }) => ({ text: String(text), model })),
        inOrder: sorted.every((item, index) => item === said[index]),
        verdict: model === "none" ? "pass" : "store",
      };
    },
    write: ({ text, model }) => Buffer.from(`${model} ${text}`),
    readItem(bytes) {
      const [model, text] = Buffer.from(bytes).toString("utf8").split(" ");
      return model === undefined || text === undefined ? undefined : { model, text };
    },
    merge(items, newest) {
      const model = items[newest]?.model;
      if (items.some((item) => item.model !== model)) return undefined;
      return Buffer.from(JSON.stringify({ merged: items.map(({ text }) => text), model, newest }));
    },
    note: (answer) => ({ tokens: ((answer as JsonObject)["said"] as readonly Json[] | undefined)?.length }),
  };
}

function wholeCall(words: readonly Json[]): WireCall {
  return {
    request: { operation: "embeddings", provider: "model.test", prompt: { words } },
    streaming: false,
    asStored: true,
    judge: () => "store",
    judgeEvents: () => "pass",
    note: () => ({}),
    noteEvents: () => ({}),
    endsStream: () => false,
    toAnswer: () => undefined,
    toEvents: () => undefined,
    adapt: () => undefined,
  };
}

/** What a provider was asked for with its n-th request. */
export function wordsAsked(provider: Provider, n: number): unknown {
  const body = provider.asked[n - 1]?.init?.body;
  return typeof body === "string" ? (JSON.parse(body) as JsonObject)["words"] : undefined;
}

/** The answer to a request: each word in capitals. */
export function saying(init: RequestInit | undefined, model = "m"): JsonObject {
  const { words } = JSON.parse(init?.body as string) as { readonly words: readonly string[] };
  return { model, said: words.map((word, at) => ({ at, text: word.toUpperCase() })) };
}
