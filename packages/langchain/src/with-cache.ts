import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import type { BaseMessage } from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs";
import {
  currentCache,
  OptionChecks,
  registerOperation,
  resolveCacheOption,
  type AnswerCache,
  type CacheRequest,
  type Json,
  type Run,
} from "@llmcache/core";
import { judge } from "./answer-gate.ts";
import type { CachedCallOptions } from "./call-options.ts";
import { messageIdentity } from "./message-identity.ts";
import { modelNameOf, providerOf, settingsOf } from "./model-identity.ts";
import {
  decodeChunk,
  decodeChunks,
  decodeResult,
  encodeChunk,
  encodeChunks,
  encodeResult,
} from "./stored-generation.ts";
import { known, UNKEYABLE } from "./unkeyable.ts";

const OPERATION = "langchain.chat";

/** Options of {@link withCache}. */
export interface WithCacheOptions {
  /**
   * Names who answers, in the place of the class and base URL: one alias for providers that serve the same models. The model's arguments
   * count all the same. @default the model's class and type, and its base URL where it shows one
   */
  readonly provider?: string | undefined;
}

/** A model whose calls take `llmcache` among their options. */
export type CachedModel<M extends BaseChatModel> = M & {
  invoke(
    input: Parameters<M["invoke"]>[0],
    options?: Parameters<M["invoke"]>[1] & CachedCallOptions,
  ): ReturnType<M["invoke"]>;
  stream(
    input: Parameters<M["stream"]>[0],
    options?: Parameters<M["stream"]>[1] & CachedCallOptions,
  ): ReturnType<M["stream"]>;
};

type Options = BaseChatModel["ParsedCallOptions"] & CachedCallOptions;

const checks = new OptionChecks("withCache");

/**
 * A chat model like the given one that answers from a cache: `invoke`, `stream`, `batch` and events, with bound tools and structured output.
 * The given one stays as it is. Callbacks and tracing run as they do without it. Answers in one piece and streams have entries of their own.
 *
 * @param cache without one, the cache in force (`cache.run(…)`) answers; with none there, calls only pass.
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for what is no chat model. Calls reject with what the model rejects with, as it is; otherwise
 * like `AnswerCache.through`.
 */
export function withCache<M extends BaseChatModel>(
  model: M,
  cache?: AnswerCache,
  options: WithCacheOptions = {},
): CachedModel<M> {
  if (typeof (model as Partial<BaseChatModel> | undefined)?._generate !== "function")
    throw checks.wrong("model", "a chat model of LangChain", model);
  registerOperation(OPERATION);
  const cached = Object.create(model) as BaseChatModel;
  // LangChain's own cache would answer before us, by flattened texts.
  Object.defineProperty(cached, "cache", { value: undefined, writable: true, configurable: true });
  const own = (name: string, value: unknown): void => {
    Object.defineProperty(cached, name, { value, writable: true, configurable: true });
  };

  const call = (messages: BaseMessage[], given: Options, stream: boolean) => {
    const { llmcache, ...asked } = given;
    const { cache: inForce, control } = resolveCacheOption(llmcache, cache ?? currentCache());
    const settings =
      inForce === undefined ? {} : (known(() => settingsOf(model, asked, options.provider !== undefined)) ?? UNKEYABLE);
    const request = (): CacheRequest =>
      known(() => requestOf(model, messages, settings, stream, options)) ?? { operation: OPERATION, prompt: UNKEYABLE };
    return { inForce, control, asked: asked as Options, settings, request };
  };

  own(
    "_generate",
    async (messages: BaseMessage[], given: Options, runManager?: CallbackManagerForLLMRun): Promise<ChatResult> => {
      const { inForce, control, asked, settings, request } = call(messages, given, false);
      if (inForce === undefined) return model._generate(messages, asked, runManager);
      let answer: ChatResult | undefined;
      const outcome = await inForce.through<ChatResult>(
        request(),
        async (run) => {
          answer = await model._generate(messages, { ...asked, signal: run.signal }, runManager);
          for (const { message } of answer.generations) noteUsage(run, message);
          return answer;
        },
        {
          ...control,
          signal: asked.signal,
          unkeyable: "bypass",
          encode: encodeResult,
          decode: decodeResult,
          judge: ({ generations }) => judge(generations, settings),
        },
      );
      if (outcome.status === "miss" && answer !== undefined) return answer;
      const [first] = outcome.value.generations;
      const { streaming } = model as { readonly streaming?: unknown };
      if (streaming === true && outcome.status !== "bypass" && first !== undefined)
        await runManager?.handleLLMNewToken(first.text);
      return outcome.value;
    },
  );

  // Some models make a new one of their options, which would not be cached.
  own("withConfig", (config: object) => {
    const made: unknown = model.withConfig(config);
    return typeof (made as Partial<BaseChatModel>)._generate === "function"
      ? withCache(made as BaseChatModel, cache, options)
      : BaseChatModel.prototype.withConfig.call(cached, config as never);
  });

  if (model._streamResponseChunks !== BaseChatModel.prototype._streamResponseChunks) {
    own(
      "_streamResponseChunks",
      async function* (
        messages: BaseMessage[],
        given: Options,
        runManager?: CallbackManagerForLLMRun,
      ): AsyncGenerator<ChatGenerationChunk> {
        const { inForce, control, asked, settings, request } = call(messages, given, true);
        if (inForce === undefined) {
          yield* model._streamResponseChunks(messages, asked, runManager);
          return;
        }
        const outcome = await inForce.stream<Json>(
          request(),
          // Tokens are told below, to each who reads.
          (run) => encodedChunks(model._streamResponseChunks(messages, { ...asked, signal: run.signal }), run),
          {
            ...control,
            signal: asked.signal,
            unkeyable: "bypass",
            encode: encodeChunks,
            decode: decodeChunks,
            judge: (chunks) => {
              const whole = together(chunks);
              return whole === undefined ? "none" : judge([whole], settings);
            },
          },
        );
        for await (const stored of outcome.value) {
          const chunk = chunkOf(stored);
          yield chunk;
          const completion = chunk.generationInfo?.["completion"] as number | undefined;
          const { promptIndex } = asked as { readonly promptIndex?: number };
          await runManager?.handleLLMNewToken(
            chunk.text,
            { prompt: promptIndex ?? 0, completion: completion ?? 0 },
            undefined,
            undefined,
            undefined,
            { chunk },
          );
        }
      },
    );
    // Made of the chunks, also where the model has a way of its own past them.
    // oxlint-disable-next-line typescript/unbound-method -- becomes a method again
    own("_streamChatModelEvents", BaseChatModel.prototype._streamChatModelEvents);
  }
  return cached as CachedModel<M>;
}

function requestOf(
  model: BaseChatModel,
  messages: readonly BaseMessage[],
  settings: Json,
  stream: boolean,
  { provider }: WithCacheOptions,
): CacheRequest {
  const last = messages.at(-1);
  const text = last !== undefined && isPlainQuestion(last) ? last.content : undefined;
  const context = (text === undefined ? messages : messages.slice(0, -1)).map(messageIdentity);
  return {
    operation: OPERATION,
    provider: provider ?? providerOf(model),
    model: modelNameOf(model),
    settings: { settings, ...(stream ? { stream } : {}) },
    ...(text === undefined ? { prompt: context } : { context, prompt: text }),
    shape: {
      turns: messages.filter((message) => message.getType() !== "system").length,
      tools: JSON.stringify(settings)?.includes(`"tools":[{`),
      attachments: messages.some(({ content }) => typeof content !== "string"),
    },
  };
}

/** A user's message that is one text and nothing else. */
function isPlainQuestion(message: BaseMessage): message is BaseMessage & { readonly content: string } {
  if (typeof message.content !== "string" || message.getType() !== "human") return false;
  return Object.keys(messageIdentity(message) as object).every((name) => name === "type" || name === "content");
}

async function* encodedChunks(chunks: AsyncIterable<ChatGenerationChunk>, run: Run): AsyncGenerator<Json> {
  for await (const chunk of chunks) {
    noteUsage(run, chunk.message);
    // What has no stored form goes as it is: then nobody else reads along, and nothing is stored.
    yield known(() => encodeChunk(chunk)) ?? (chunk as unknown as Json);
  }
}

function chunkOf(stored: Json): ChatGenerationChunk {
  return (stored as unknown) instanceof ChatGenerationChunk
    ? (stored as unknown as ChatGenerationChunk)
    : decodeChunk(stored);
}

function together(chunks: readonly Json[]): ChatGenerationChunk | undefined {
  const [first, ...others] = chunks.map(chunkOf);
  return others.reduce<ChatGenerationChunk | undefined>((whole, chunk) => whole?.concat(chunk), first);
}

function noteUsage(run: Run, message: BaseMessage): void {
  const { usage_metadata: usage } = message as {
    readonly usage_metadata?: { input_tokens?: number; output_tokens?: number };
  };
  if (usage !== undefined) run.note({ tokens: { input: usage.input_tokens, output: usage.output_tokens } });
  const { model_name: model } = message.response_metadata as { readonly model_name?: string };
  if (model !== undefined) run.note({ model });
}
