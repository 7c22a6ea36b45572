/**
 * What OpenTelemetry's conventions for generative AI call things (status: development; as of semantic conventions 1.42), and what this
 * package adds below `llmcache`.
 */
export const NAMES = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  responseModel: "gen_ai.response.model",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  tokenType: "gen_ai.token.type",
  operationDuration: "gen_ai.client.operation.duration",
  tokenUsage: "gen_ai.client.token.usage",
  errorType: "error.type",
  status: "llmcache.status",
  reason: "llmcache.reason",
  answer: "llmcache.answer",
  key: "llmcache.key",
  age: "llmcache.age",
  tier: "llmcache.tier",
  similarity: "llmcache.similarity",
  cost: "llmcache.cost",
  savedInputTokens: "llmcache.saved.input_tokens",
  savedOutputTokens: "llmcache.saved.output_tokens",
  savedCost: "llmcache.saved.cost",
  during: "llmcache.during",
  what: "llmcache.what",
} as const;

const OPERATIONS: Readonly<Record<string, string>> = {
  "chat.completions": "chat",
  responses: "chat",
  messages: "chat",
  completions: "text_completion",
  embeddings: "embeddings",
  generateContent: "generate_content",
};

/** The convention's name where it has one, the cache's own otherwise. */
export function operationName(operation: string): string {
  return bounded(Object.hasOwn(OPERATIONS, operation) ? (OPERATIONS[operation] as string) : operation);
}

const HOSTS: readonly (readonly [suffix: string, name: string])[] = [
  ["api.openai.com", "openai"],
  ["openai.azure.com", "azure.ai.openai"],
  ["services.ai.azure.com", "azure.ai.inference"],
  ["models.ai.azure.com", "azure.ai.inference"],
  ["api.anthropic.com", "anthropic"],
  ["generativelanguage.googleapis.com", "gcp.gemini"],
  ["aiplatform.googleapis.com", "gcp.vertex_ai"],
  ["api.cohere.com", "cohere"],
  ["api.cohere.ai", "cohere"],
  ["api.deepseek.com", "deepseek"],
  ["api.groq.com", "groq"],
  ["api.mistral.ai", "mistral_ai"],
  ["api.moonshot.ai", "moonshot_ai"],
  ["api.perplexity.ai", "perplexity"],
  ["api.x.ai", "x_ai"],
];

/** The convention's name for a base URL where it has one; else its host, or the alias as it is. */
export function providerName(provider: string): string {
  const url = /^https?:\/\//i.test(provider) && URL.canParse(provider) ? new URL(provider) : undefined;
  if (url === undefined) return bounded(provider.replace(/\/\/.*@/s, "//"));
  const host = url.hostname;
  if (/^bedrock(-[a-z]+)*\.[a-z0-9-]+\.amazonaws\.com$/.test(host)) return "aws.bedrock";
  // Vertex names its regions in front: europe-west4-aiplatform.googleapis.com
  const known = HOSTS.find(
    ([suffix]) =>
      host === suffix ||
      host.endsWith(`.${suffix}`) ||
      (suffix.startsWith("aiplatform") && host.endsWith(`-${suffix}`)),
  );
  return known?.[1] ?? bounded(url.host);
}

const MOST_CHARS = 200;

/** No attribute is longer, whatever somebody wrote there. */
export function bounded(text: string): string {
  return (text.length > MOST_CHARS ? text.slice(0, MOST_CHARS) : text).toWellFormed();
}
