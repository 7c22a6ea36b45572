import type { Configuration } from "./configure.ts";
import type { Upstream } from "./gateway-options.ts";
import { shownURL } from "./secrets.ts";

/** What the gateway says when it is up. No secrets. */
export function greeting(
  url: string,
  configuration: Configuration,
  upstreams: readonly Upstream[],
  { tenants, isVolatile }: { readonly tenants: string; readonly isVolatile: boolean },
): string {
  const { tiers, adminToken, upstreams: configured, tenants: settings } = configuration;
  const rows = [
    ...(configured === undefined
      ? [
          [
            "upstreams:",
            "DEMO, a made-up model on this machine; set OPENAI_API_KEY or another provider's for a real one",
          ],
        ]
      : upstreams.map((upstream, index) => [index === 0 ? "upstreams:" : "", described(upstream)])),
    ...tiers.map(({ url: store, name }, index) => [
      index === 0 ? "store:" : "",
      `${name === undefined ? "" : `${name}: `}${shownURL(store)}`,
    ]),
    ["tenants:", tenants],
    ["admin:", adminToken === undefined ? "off; set LLMCACHE_ADMIN_TOKEN for it" : `${url}/admin/`],
  ];
  const credential = settings.keys.length === 0 ? "" : ` -H "x-llmcache-api-key: $KEY"`;
  const curl = `curl -si ${url}/v1/chat/completions${credential} -H 'content-type: application/json' -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello."}]}'`;
  return `llmcache gateway: ${url}
${rows.map(([name = "", text = ""]) => `  ${name.padEnd(10)} ${text}`).join("\n")}

Clients: OpenAI's take ${url}/v1 as base URL, Anthropic's and Google's ${url}.
Ask twice; Cache-Status says miss the first time and hit from then on${isVolatile ? "" : ", also after a restart"}:

  ${curl}
  ${curl}

Ctrl-C stops it.`;
}

function described({ name, api, baseURL, apiKey, models, path }: Upstream): string {
  return [
    `${name}${name === api ? "" : ` (${api})`}: ${baseURL}`,
    apiKey === undefined ? "with the callers' own keys" : "with a key for callers who bring none",
    ...(models === undefined ? [] : [`for ${models.join(", ")}`]),
    ...(path === undefined ? [] : [`at ${path}`]),
  ].join(", ");
}
