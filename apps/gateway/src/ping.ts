import type { OwnEndpoint } from "./gateway-options.ts";
import { allowOnly, sendFailure, sendJson } from "./own-answer.ts";
import { probe, type NamedStore, type Probed } from "./store-probe.ts";

/**
 * `/cache/ping`, for callers: each store by name, read and written. The names that LiteLLM's clients read are there too, and like
 * theirs it is a 503 with an `error` where something failed.
 */
export function pingEndpoint(stores: readonly NamedStore[], cacheType: string, storeDeadlineMs: number): OwnEndpoint {
  let asking: Promise<readonly Probed[]> | undefined;
  // One round for all who ask meanwhile.
  const round = (): Promise<readonly Probed[]> => {
    asking ??= Promise.all(stores.map((store) => probe(store, storeDeadlineMs, true))).finally(() => {
      asking = undefined;
    });
    return asking;
  };
  return {
    path: "/cache/ping",
    async handle(request, response) {
      try {
        allowOnly(request, response, "GET");
        const probed = await round();
        const down = probed.filter(({ isUp }) => !isUp);
        const canRead = probed.every(({ readMs }) => readMs !== undefined);
        sendJson(response, down.length === 0 ? 200 : 503, {
          status: down.length === 0 ? "healthy" : "unhealthy",
          cache_type: cacheType,
          ping_response: canRead,
          set_cache_response: down.length === 0 ? "success" : "failed",
          stores: probed,
          ...(down.length === 0 ? {} : { error: errorOf(down) }),
        });
      } catch (error) {
        sendFailure(response, error);
      }
    },
  };
}

function errorOf(down: readonly Probed[]): object {
  const message = `Cache stores do not work. ${down.map(({ name, error }) => `${name}: ${error}`).join("; ")}`;
  return { message, type: "llmcache", code: "ERR_LLMCACHE_STORE", param: null };
}
