import type { Store } from "@llmcache/core";
import { type OpenOptions, type ParameterKind, type ParametersOf } from "@llmcache/core/open";
import { ADDRESS_PARAMETERS, addressOf, type RedisAddressOptions } from "@llmcache/redis/internal";
import { openSimilar, similarParameters, type SimilarParameters } from "@llmcache/similarity/stores";
import type { RedisSemanticSettings } from "./options.ts";

type RedisSemanticParameters = SimilarParameters &
  typeof ADDRESS_PARAMETERS & { readonly prefix: "text"; readonly timeout: "durationMs"; readonly engine: "text" };

const PARAMETERS = { prefix: "text", timeout: "durationMs", engine: "text", ...ADDRESS_PARAMETERS } as const;

/** The parameters of the URL of a semantic store in Redis: those of this package, and `kinds`. */
export function redisSemanticParameters<const K extends Readonly<Record<string, ParameterKind>>>(
  url: string,
  kinds: K,
): ParametersOf<K & RedisSemanticParameters> {
  return similarParameters(url, { ...kinds, ...PARAMETERS }) as ParametersOf<K & RedisSemanticParameters>;
}

/** Makes the embedder that the URL names, and the store over it, which owns it. */
export async function openInRedis<S extends Store>(
  url: string,
  isTls: boolean,
  parameters: ParametersOf<RedisSemanticParameters>,
  options: OpenOptions,
  make: (options: RedisSemanticSettings & RedisAddressOptions) => S,
): Promise<S> {
  const { prefix, timeout, engine, cluster, rejectUnauthorized, maxCandidates, maxEntryBytes, ...ofEmbedder } =
    parameters;
  const address = addressOf(url, isTls, { cluster, rejectUnauthorized });
  return openSimilar(url, ofEmbedder, options, (similar) =>
    make({
      ...address,
      ...similar,
      prefix,
      timeoutMs: timeout,
      maxCandidates,
      maxEntryBytes,
      // The constructor checks it.
      engine: engine as RedisSemanticSettings["engine"],
      codec: options.codec,
    }),
  );
}
