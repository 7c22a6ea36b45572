import { startModelServer } from "@llmcache/testing/model-server";
import type { GatewayUpstream } from "./gateway.ts";

/** An upstream, and how to let it go. */
export interface OpenedUpstream extends GatewayUpstream {
  /** One line for people. */
  readonly description: string;
  /** A made-up model that answers on this machine. */
  readonly isDemo: boolean;
  close(): Promise<void>;
}

const DEFAULT_BASE_URL = "https://api.openai.com/v1";

/**
 * The upstream that `OPENAI_BASE_URL` and `OPENAI_API_KEY` name; where neither is set, a demo on this machine. The demo's port may
 * change, so its entries stand under the provider alias `demo`.
 *
 * @throws Error if `OPENAI_BASE_URL` is no URL.
 */
export async function openUpstream(env: NodeJS.ProcessEnv): Promise<OpenedUpstream> {
  const { OPENAI_BASE_URL: baseURL, OPENAI_API_KEY: apiKey } = env;
  if (!baseURL && !apiKey) return openDemo();
  const url = baseURL || DEFAULT_BASE_URL;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new Error(`OPENAI_BASE_URL must be a URL such as ${DEFAULT_BASE_URL}, not ${JSON.stringify(url)}.`);
  }
  const key = apiKey ? "with OPENAI_API_KEY for callers who bring none" : "with the callers' own keys";
  return {
    baseURL: url,
    ...(apiKey ? { apiKey } : {}),
    description: `${new URL(url).origin}${new URL(url).pathname}, ${key}`,
    isDemo: false,
    close: () => Promise.resolve(),
  };
}

async function openDemo(): Promise<OpenedUpstream> {
  const server = await startModelServer();
  return {
    baseURL: server.baseURL,
    provider: "demo",
    description: "DEMO, a made-up model on this machine; set OPENAI_API_KEY (and OPENAI_BASE_URL) for a real one",
    isDemo: true,
    close: () => server.close(),
  };
}
