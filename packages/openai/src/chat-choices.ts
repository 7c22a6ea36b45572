import { OptionChecks, type CacheRequest, type Json, type JsonObject } from "@llmcache/core";
import { isJsonObject, parseJsonText, readEvents, type ListCall, type SplitList } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { CHAT_FIELDS } from "./chat-fields.ts";
import { choicesUsage, usageOfChoice } from "./choices-usage.ts";
import { ChunkedCall, type ChunkedEndpoint } from "./chunked-call.ts";
import type { Asked } from "./identity.ts";

/** A sample: an answer with one choice, which is the form in which it is stored and serves those who ask for one. */
interface Choice {
  readonly answer: JsonObject;
  /** Of one that has just come: does it bear what the prompt took, which was paid for once? */
  readonly paysPrompt?: boolean | undefined;
}

/** More than any provider gives; who wants more is passed on as he is. */
const MOST_CHOICES = 1000;

/**
 * Fields of a request for choices that are independent of each other. `seed` is not among them: asked for in parts, the same choices
 * would come again. Nor is what nobody knows: it may make a choice depend on those beside it (a beam search does).
 */
const INDEPENDENT: ReadonlySet<string> = new Set([
  ...Object.keys(CHAT_FIELDS).filter((name) => name !== "seed"),
  "enable_thinking",
  "include_reasoning",
  "min_p",
  "reasoning",
  "repetition_penalty",
  "thinking",
  "top_a",
  "top_k",
  "typical_p",
]);

const checks = new OptionChecks("openAIChat");

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` for what is no number of choices. */
export function maxChoicesOf(maxChoices: number | undefined): number | undefined {
  if (maxChoices !== undefined) checks.whole("maxChoices", maxChoices);
  return maxChoices;
}

/** Does this request ask for several choices in one piece, each of which is a sample of its own? */
export function wantsChoices({ body, isRewritable }: Asked): boolean {
  const { n, stream } = body;
  if (typeof n !== "number" || !Number.isSafeInteger(n) || n < 2 || n > MOST_CHOICES || stream === true) return false;
  return isRewritable && Object.entries(body).every(([name, value]) => value === null || INDEPENDENT.has(name));
}

/** A request for several choices: choice k is sample k of the request for one. */
export class ChoicesCall implements ListCall<Choice> {
  readonly requests: readonly CacheRequest[];
  readonly maxBatch: number | undefined;
  readonly #body: JsonObject;
  readonly #one: ChunkedCall;

  /** @param identity of the request for one choice. */
  constructor(
    endpoint: ChunkedEndpoint,
    { shape: _shape, ...identity }: CacheRequest,
    body: JsonObject,
    maxChoices: number | undefined,
  ) {
    const { n, ...rest } = body;
    // Without a shape there are no similar answers: they are no samples of this.
    this.requests = Array.from({ length: n as number }, (_, sample) => ({ ...identity, sample }));
    this.maxBatch = maxChoices;
    this.#body = rest;
    this.#one = new ChunkedCall(endpoint, identity, rest);
  }

  bodyOf(positions: readonly number[]): string {
    return JSON.stringify({ ...this.#body, n: positions.length });
  }

  split(answer: Json, count: number): SplitList<Choice> | undefined {
    if (!isJsonObject(answer) || (answer["error"] !== undefined && answer["error"] !== null)) return undefined;
    const { choices, usage } = answer;
    if (!Array.isArray(choices) || choices.length === 0 || !choices.every(isJsonObject)) return undefined;
    const sorted = inOrder(choices);
    const items = sorted.slice(0, count).map((choice, place): Choice => {
      const own = usage === undefined ? {} : { usage: usageOfChoice(usage, place, sorted.length) };
      return { answer: { ...answer, choices: [{ ...choice, index: 0 }], ...own }, paysPrompt: place === 0 };
    });
    const verdicts = items.map((item) => this.#one.judge(item.answer));
    const asItCame = sorted.length === count && sorted.every((choice, place) => choice === choices[place]);
    return { items, inOrder: asItCame, verdict: "none", verdicts };
  }

  write({ answer }: Choice): Uint8Array {
    return Buffer.from(JSON.stringify(answer), "utf8");
  }

  /** Whatever answered a request for one choice: an answer of one, or a stream that says as much. */
  readItem(bytes: Uint8Array): Choice | undefined {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    const answer = text.startsWith("{") ? parseJsonText(text) : this.#one.toAnswer(readEvents(bytes).events);
    if (!isJsonObject(answer)) return undefined;
    const { choices } = answer;
    return Array.isArray(choices) && choices.length === 1 && isJsonObject(choices[0]) ? { answer } : undefined;
  }

  /** What surrounds the choices is that of the newest; the usage, of all of them. */
  merge(items: readonly Choice[], newest: number): Uint8Array | undefined {
    const around = items[newest]?.answer;
    if (around === undefined) return undefined;
    const choices = items.map(({ answer }, index) => ({ ...(answer["choices"] as readonly JsonObject[])[0], index }));
    const { usage: _usage, ...rest } = around;
    const usage = choicesUsage(items.map(({ answer }) => answer["usage"]));
    return Buffer.from(JSON.stringify({ ...rest, choices, ...(usage === undefined ? {} : { usage }) }), "utf8");
  }

  note(answer: Json): ReturnType<ListCall["note"]> {
    return noteOf(answer);
  }

  noteItem({ answer, paysPrompt }: Choice): ReturnType<ListCall["note"]> {
    const note = noteOf(answer);
    const { tokens } = note;
    return paysPrompt === true || typeof tokens !== "object" ? note : { ...note, tokens: { ...tokens, input: 0 } };
  }
}

/** By their numbers, where they have them. */
function inOrder(choices: readonly JsonObject[]): readonly JsonObject[] {
  const numbers = new Set(choices.map(({ index }) => index));
  if (numbers.size !== choices.length || ![...numbers].every((index) => typeof index === "number")) return choices;
  return choices.toSorted((a, b) => (a["index"] as number) - (b["index"] as number));
}
