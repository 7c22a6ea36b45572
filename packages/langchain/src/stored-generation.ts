import { AIMessage, AIMessageChunk } from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatGeneration, type ChatResult } from "@langchain/core/outputs";
import { LLMCacheError, type Body, type Json } from "@llmcache/core";
import { plainJson } from "./plain-json.ts";

/** The form in which answers are stored; what has another one is a miss. */
const FORMAT = 1;

/** The members of an answer's message. */
const MEMBERS = [
  "content",
  "name",
  "id",
  "additional_kwargs",
  "response_metadata",
  "tool_calls",
  "invalid_tool_calls",
  "usage_metadata",
] as const;
const CHUNK_MEMBERS = [...MEMBERS, "tool_call_chunks"] as const;

interface StoredMessage {
  readonly chunk: boolean;
  readonly fields: Readonly<Record<string, Json>>;
}

interface StoredGeneration {
  readonly text: string;
  readonly info?: Json;
  readonly message: StoredMessage;
}

/** @throws LLMCacheError `ERR_LLMCACHE_VALUE` for a message that is none of an assistant. */
export function encodeResult({ generations, llmOutput }: ChatResult): Json {
  return {
    v: FORMAT,
    generations: generations.map(encodeGeneration) as unknown as Json,
    ...(llmOutput === undefined ? {} : { output: plainJson(llmOutput) }),
  };
}

/** The answer, made anew: nobody else holds any part of it. */
export function decodeResult(body: Body): ChatResult | undefined {
  const stored = read(body);
  if (stored === undefined || !Array.isArray(stored.generations)) return undefined;
  const { generations, output } = stored as { generations: StoredGeneration[]; output?: Record<string, Json> };
  const result: ChatResult = { generations: generations.map(decodeGeneration) };
  return output === undefined ? result : { ...result, llmOutput: output };
}

export function encodeChunks(chunks: readonly Json[]): Json {
  return { v: FORMAT, chunks };
}

/** The chunks of a stored stream, as they were encoded. */
export function decodeChunks(body: Body): readonly Json[] | undefined {
  const stored = read(body);
  return stored !== undefined && Array.isArray(stored.chunks) ? (stored.chunks as readonly Json[]) : undefined;
}

export function encodeChunk(chunk: ChatGenerationChunk): Json {
  return encodeGeneration(chunk) as unknown as Json;
}

export function decodeChunk(stored: Json): ChatGenerationChunk {
  const { text, info, message } = stored as unknown as StoredGeneration;
  return new ChatGenerationChunk({
    text,
    message: new AIMessageChunk(message.fields),
    ...(info === undefined ? {} : { generationInfo: info as Record<string, unknown> }),
  });
}

function read(
  body: Body,
): { readonly generations?: unknown; readonly chunks?: unknown; readonly output?: unknown } | undefined {
  if (body.kind !== "json") return undefined;
  const stored = body.json() as { readonly v?: unknown } | null;
  return stored?.v === FORMAT ? (stored as { readonly generations?: unknown }) : undefined;
}

function encodeGeneration({ text, generationInfo, message }: ChatGeneration): StoredGeneration {
  if (message.getType() !== "ai")
    throw new LLMCacheError("ERR_LLMCACHE_VALUE", `Only messages of type ai are stored, not ${message.getType()}.`);
  const chunk = AIMessageChunk.isInstance(message);
  const fields: Record<string, Json> = {};
  for (const name of chunk ? CHUNK_MEMBERS : MEMBERS) {
    const value = (message as unknown as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) fields[name] = plainJson(value);
  }
  return {
    text,
    message: { chunk, fields },
    ...(generationInfo === undefined ? {} : { info: plainJson(generationInfo) }),
  };
}

function decodeGeneration({ text, info, message }: StoredGeneration): ChatGeneration {
  const made = message.chunk ? chunkOf(message) : withKwargs(message, (fields) => new AIMessage(fields as never));
  return { text, message: made, ...(info === undefined ? {} : { generationInfo: info as Record<string, unknown> }) };
}

function chunkOf(message: StoredMessage): AIMessageChunk {
  return withKwargs(message, (fields) => new AIMessageChunk(fields as never));
}

/** The constructors read calls out of `additional_kwargs` where there are no others; a stored message is what it was. */
function withKwargs<M extends AIMessage | AIMessageChunk>({ fields }: StoredMessage, make: (fields: object) => M): M {
  const { additional_kwargs: kwargs, ...others } = fields;
  const message = make(others);
  if (kwargs !== undefined) message.additional_kwargs = kwargs as Record<string, unknown>;
  return message;
}
