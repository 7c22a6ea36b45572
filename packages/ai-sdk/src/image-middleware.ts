import type {
  ImageModelV4,
  ImageModelV4CallOptions,
  ImageModelV4Middleware,
  ImageModelV4ProviderMetadata,
  ImageModelV4Result,
  ImageModelV4Usage,
} from "@ai-sdk/provider";
import {
  currentCache,
  registerOperation,
  type AnswerCache,
  type Body,
  type CacheRequest,
  type Json,
  type Verdict,
} from "@llmcache/core";
import { countedOptions, splitOptions } from "./call-control.ts";
import { IMAGE_FIELDS } from "./call-fields.ts";
import { providerOf } from "./model-provider.ts";
import { settingsOf } from "./field-roles.ts";
import { identityJson } from "./identity-json.ts";
import { keptHeaders } from "./kept-headers.ts";
import { countHeaders } from "./language-request.ts";
import { checkModelOptions, modelName, type ModelCacheOptions } from "./options.ts";
import { pack, unpack, type Packed } from "./pack.ts";
import { ParallelSamples } from "./parallel-samples.ts";

const OPERATION = "ai-sdk.image";
/** As the AI SDK does where a model names no limit. */
const DEFAULT_IMAGES_PER_CALL = 1;

/**
 * Middleware that keeps images. `generateImage` asks for several images in equal calls where the model gives few at a time; here they are one
 * call, which the middleware splits, so that each part has an entry of its own instead of all sharing one picture. The same holds for equal calls
 * at once that come with the same `headers` object (a list with `maxImagesPerCall`).
 *
 * @param cache without one, the cache in force (`cache.run(…)`) answers; with none there, calls only pass.
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option. Calls reject with what the model rejects with, as it is; otherwise like
 * `AnswerCache.through`.
 */
export function imageCacheMiddleware(cache?: AnswerCache, options: ModelCacheOptions = {}): ImageModelV4Middleware {
  checkModelOptions(options);
  registerOperation(OPERATION);
  const samples = new ParallelSamples();
  return {
    specificationVersion: "v4",
    overrideMaxImagesPerCall: () => Number.MAX_SAFE_INTEGER,
    async wrapGenerate({ params, model }) {
      const { control, rest } = splitOptions(params.providerOptions);
      const asked: ImageModelV4CallOptions = rest === undefined ? params : { ...params, providerOptions: rest };
      const inForce = cache ?? currentCache();
      const most = await imagesPerCall(model);
      // `generateImage` gives the calls of one list the same headers.
      const group = params.headers ?? {};
      const parts = evenParts(asked.n, most).map((n) => ({ params: { ...asked, n }, slot: samples.take(group, n) }));
      const results = await Promise.all(
        parts.map(async (part): Promise<ImageModelV4Result> => {
          if (inForce === undefined) return model.doGenerate(part.params);
          const request = requestOf(part.params, part.slot.sample, model, options);
          let own: ImageModelV4Result | undefined;
          const outcome = await inForce.through<ImageModelV4Result>(
            request,
            async (run) => {
              own = await model.doGenerate({ ...part.params, abortSignal: run.signal });
              run.note({
                model: own.response?.modelId,
                tokens: { input: own.usage?.inputTokens, output: own.usage?.outputTokens },
              });
              return own;
            },
            {
              ...control,
              signal: asked.abortSignal,
              unkeyable: "bypass",
              encode: encodeImages,
              decode: decodeImages,
              judge: (result) => judge(result, part.params.n),
            },
          );
          return outcome.status === "miss" && own !== undefined ? own : outcome.value;
        }),
      ).finally(() => {
        for (const { slot } of parts) slot.free();
      });
      return together(results);
    },
  };
}

function requestOf(
  params: ImageModelV4CallOptions,
  sample: number,
  model: ImageModelV4,
  options: ModelCacheOptions,
): CacheRequest {
  const settings = settingsOf(params, IMAGE_FIELDS);
  const providerOptions = countedOptions(params.providerOptions);
  if (providerOptions !== undefined) settings["providerOptions"] = providerOptions;
  countHeaders(params.headers, model, options, settings);
  const { files, mask, prompt } = params;
  return {
    operation: OPERATION,
    provider: options.provider ?? providerOf(model),
    model: modelName(model.modelId, options.alias),
    settings: settings as Json,
    context: identityJson({ files, mask }),
    prompt: prompt ?? null,
    sample,
    shape: { turns: 1, attachments: files !== undefined || mask !== undefined },
  };
}

async function imagesPerCall(model: ImageModelV4): Promise<number> {
  const { maxImagesPerCall: most } = model;
  const given = await (typeof most === "function" ? most({ modelId: model.modelId }) : most);
  return given === undefined || !(given >= 1) ? DEFAULT_IMAGES_PER_CALL : given;
}

function evenParts(count: number, most: number): number[] {
  if (!(count > most)) return [count];
  const parts = Array.from({ length: Math.floor(count / most) }, () => most);
  const rest = count % most;
  return rest === 0 ? parts : [...parts, rest];
}

function encodeImages({ response, ...result }: ImageModelV4Result): Json {
  const { timestamp, modelId, headers } = response;
  const { value, special } = pack({ ...result, response: { timestamp, modelId, headers: keptHeaders(headers) } });
  return special === undefined ? { v: 1, value } : { v: 1, value, special };
}

function decodeImages(body: Body): ImageModelV4Result | undefined {
  if (body.kind !== "json") return undefined;
  const stored = body.json() as { readonly v?: unknown } | null;
  return stored?.v === 1 ? (unpack(stored as unknown as Packed) as ImageModelV4Result) : undefined;
}

/** All that were asked for, and none of them empty. */
function judge({ images }: ImageModelV4Result, wanted: number): Verdict {
  if (!Array.isArray(images) || images.length === 0) return "none";
  return images.length >= wanted && images.every((image: string | Uint8Array) => image.length > 0) ? "store" : "pass";
}

/** As one answer, put together as `generateImage` does. */
function together(results: readonly ImageModelV4Result[]): ImageModelV4Result {
  const [first, ...others] = results as [ImageModelV4Result, ...ImageModelV4Result[]];
  if (others.length === 0) return first;
  const providerMetadata: ImageModelV4ProviderMetadata = {};
  for (const result of results) {
    for (const [name, metadata] of Object.entries(result.providerMetadata ?? {})) {
      const there = providerMetadata[name];
      providerMetadata[name] = (
        there === undefined
          ? { ...(metadata as object), images: [...(metadata.images ?? [])] }
          : { ...(metadata as object), ...(there as object), images: [...there.images, ...(metadata.images ?? [])] }
      ) as ImageModelV4ProviderMetadata[string];
    }
  }
  const usages = results.map(({ usage }) => usage).filter((usage) => usage !== undefined);
  return {
    ...first,
    images: results.flatMap((result) => result.images as readonly (string | Uint8Array)[]) as string[] | Uint8Array[],
    warnings: results.flatMap(({ warnings }) => warnings),
    ...(Object.keys(providerMetadata).length === 0 ? {} : { providerMetadata }),
    ...(usages.length === 0 ? {} : { usage: usages.reduce(added) }),
  };
}

function added(one: ImageModelV4Usage, other: ImageModelV4Usage): ImageModelV4Usage {
  const sum = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
  return {
    inputTokens: sum(one.inputTokens, other.inputTokens),
    outputTokens: sum(one.outputTokens, other.outputTokens),
    totalTokens: sum(one.totalTokens, other.totalTokens),
  };
}
