import { isDeepStrictEqual } from "node:util";
import type {
  LanguageModelV4Citation,
  LanguageModelV4Content,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";
import type { Answer } from "./parts-of-answer.ts";

/** What a stream said. */
export interface Collected {
  /** In one piece; `undefined` where the stream was cut: it did not say how it ended. */
  readonly answer: Answer | undefined;
  /** The answer says all that the stream said. */
  readonly isLossless: boolean;
  /** It said that it failed. */
  readonly hasFailed: boolean;
  /** The input of a call began, and the call never came. */
  readonly hasLooseInput: boolean;
}

/** Text or reasoning, as far as it came. */
interface Block {
  readonly type: "text" | "reasoning";
  text: string;
  providerMetadata?: SharedV4ProviderMetadata;
  citations?: LanguageModelV4Citation[];
}

type Part<Type extends LanguageModelV4StreamPart["type"]> = Extract<LanguageModelV4StreamPart, { type: Type }>;

/** Puts a stream together as the AI SDK does: blocks in the order in which they began, the last metadata of each. */
export function collect(parts: Iterable<LanguageModelV4StreamPart>): Collected {
  const collector = new Collector();
  for (const part of parts) collector.take(part);
  return collector.end();
}

class Collector {
  readonly #content: LanguageModelV4Content[] = [];
  readonly #open = new Map<string, Block>();
  readonly #inputs = new Set<string>();
  /** What was said of calls whose input came in pieces. */
  readonly #ofInputs = new Map<string, SharedV4ProviderMetadata[]>();
  readonly #preliminary = new Set<string>();
  #warnings: Answer["warnings"] = [];
  #response: { id?: string; timestamp?: Date; modelId?: string } = {};
  #finish: Part<"finish"> | undefined;
  #isLossless = true;
  #hasFailed = false;

  take(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case "stream-start":
        this.#warnings = [...this.#warnings, ...part.warnings];
        return;
      case "response-metadata":
        this.#mergeResponse(part);
        return;
      case "text-start":
      case "reasoning-start":
      case "text-delta":
      case "reasoning-delta":
      case "text-end":
      case "reasoning-end":
        this.#takeBlock(part);
        return;
      case "tool-input-start":
        this.#inputs.add(part.id);
        this.#takeInput(part);
        return;
      // What the call itself says again, but for metadata.
      case "tool-input-delta":
      case "tool-input-end":
        this.#takeInput(part);
        return;
      case "ping":
        return;
      case "tool-result":
        this.#takeResult(part);
        return;
      case "tool-call":
        this.#inputs.delete(part.toolCallId);
        if (this.#ofInputs.get(part.toolCallId)?.every((each) => contains(part.providerMetadata, each)) === false)
          this.#isLossless = false;
        this.#content.push(part);
        return;
      case "finish":
        if (this.#finish !== undefined) this.#isLossless = false;
        this.#finish = part;
        return;
      case "error":
        this.#hasFailed = true;
        return;
      case "raw":
        this.#isLossless = false;
        return;
      case "tool-approval-request":
      case "custom":
      case "file":
      case "reasoning-file":
      case "source":
        this.#content.push(part);
        return;
      default:
        // Of a later specification.
        this.#isLossless = false;
    }
  }

  end(): Collected {
    const finish = this.#finish;
    const hasLooseInput = this.#inputs.size > 0;
    const isLossless =
      this.#isLossless && !hasLooseInput && this.#open.size === 0 && this.#preliminary.size === 0 && !this.#hasFailed;
    if (finish === undefined)
      return { answer: undefined, isLossless: false, hasFailed: this.#hasFailed, hasLooseInput };
    const answer: Answer = {
      content: this.#content,
      finishReason: finish.finishReason,
      usage: finish.usage,
      ...(finish.providerMetadata === undefined ? {} : { providerMetadata: finish.providerMetadata }),
      response: this.#response,
      warnings: this.#warnings,
    };
    return { answer, isLossless, hasFailed: this.#hasFailed, hasLooseInput };
  }

  #mergeResponse({ type: _type, ...response }: Part<"response-metadata">): void {
    for (const [name, value] of Object.entries(response)) {
      if (value === undefined) continue;
      const there: unknown = (this.#response as Readonly<Record<string, unknown>>)[name];
      if (there !== undefined && !isDeepStrictEqual(there, value)) this.#isLossless = false;
      Object.assign(this.#response, { [name]: value });
    }
  }

  #takeBlock(part: Part<`${"text" | "reasoning"}-${"start" | "delta" | "end"}`>): void {
    const [type, phase] = part.type.split("-") as ["text" | "reasoning", "start" | "delta" | "end"];
    const id = `${type} ${part.id}`;
    if (phase === "start") {
      if (this.#open.has(id)) this.#isLossless = false;
      const block: Block = { type, text: "" };
      this.#open.set(id, block);
      this.#content.push(block);
    }
    const block = this.#open.get(id);
    if (block === undefined) {
      this.#isLossless = false;
      return;
    }
    if ("delta" in part) block.text += part.delta;
    if ("citations" in part && part.citations !== undefined) block.citations = part.citations;
    if (part.providerMetadata !== undefined) {
      if (!contains(part.providerMetadata, block.providerMetadata)) this.#isLossless = false;
      block.providerMetadata = part.providerMetadata;
    }
    if (phase === "end") this.#open.delete(id);
  }

  #takeInput({ id, providerMetadata }: Part<`tool-input-${"start" | "delta" | "end"}`>): void {
    if (providerMetadata === undefined) return;
    const known = this.#ofInputs.get(id);
    if (known === undefined) this.#ofInputs.set(id, [providerMetadata]);
    else known.push(providerMetadata);
  }

  /** A preliminary result is part of the final one. */
  #takeResult(part: Part<"tool-result">): void {
    if (part.preliminary === true) {
      this.#preliminary.add(part.toolCallId);
      return;
    }
    this.#preliminary.delete(part.toolCallId);
    this.#content.push(part);
  }
}

/** Does the later metadata say all that the earlier one said? */
function contains(later: unknown, earlier: unknown): boolean {
  if (earlier === undefined || isDeepStrictEqual(later, earlier)) return true;
  if (!isObject(later) || !isObject(earlier)) return false;
  return Object.entries(earlier).every(([name, value]) => Object.hasOwn(later, name) && contains(later[name], value));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
