import { startModelServer } from "@llmcache/testing/model-server";
import type { Upstream } from "./gateway-options.ts";

/** Upstreams that are open, and how to let them go. */
export interface OpenedUpstreams {
  readonly upstreams: readonly Upstream[];
  readonly isDemo: boolean;
  close(): Promise<void>;
}

/**
 * The upstreams as they are, or a made-up model on this machine that speaks all three APIs. Its port may change, so its entries stand
 * under the provider alias `demo`.
 */
export async function openUpstreams(upstreams: readonly Upstream[] | undefined): Promise<OpenedUpstreams> {
  if (upstreams !== undefined) return { upstreams, isDemo: false, close: () => Promise.resolve() };
  const server = await startModelServer();
  return {
    upstreams: [
      { name: "openai", api: "openai", baseURL: server.baseURL, provider: "demo" },
      { name: "anthropic", api: "anthropic", baseURL: server.url, provider: "demo" },
      { name: "google", api: "google", baseURL: server.url, provider: "demo" },
    ],
    isDemo: true,
    close: () => server.close(),
  };
}
