import type { LanguageModelV4GenerateResult, LanguageModelV4Middleware } from "@ai-sdk/provider";

/** Where it keeps what models said. */
export interface Shelf {
  get(key: string): unknown;
  set(key: string, value: unknown): unknown;
}

/** "Caching Responses" in the documentation of ai 7. */
export function documented(shelf: Shelf): LanguageModelV4Middleware {
  return {
    specificationVersion: "v4",
    wrapGenerate: async ({ doGenerate, params, model }) => {
      const key = JSON.stringify({ provider: model.provider, modelId: model.modelId, params });
      const cached = (await shelf.get(key)) as LanguageModelV4GenerateResult | undefined;
      if (cached !== undefined) {
        const timestamp = cached.response?.timestamp;
        return {
          ...cached,
          response: { ...cached.response, ...(timestamp ? { timestamp: new Date(timestamp) } : {}) },
        };
      }
      const result = await doGenerate();
      shelf.set(key, result);
      return result;
    },
  };
}
