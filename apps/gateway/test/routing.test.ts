import { describe, expect, test } from "vitest";
import type { Api, Upstream } from "../src/gateway-options.ts";
import { apiOf, Routes, targetOf } from "../src/routing.ts";

describe("which API a request speaks", () => {
  test.each([
    ["/v1/chat/completions", {}, "openai"],
    ["/v1/models", {}, "openai"],
    ["/v1/models/gpt-4o", {}, "openai"],
    ["/openai/deployments/x/chat/completions?api-version=1", {}, "openai"],
    ["/v1/messages", {}, "anthropic"],
    ["/v1/messages?beta=true", {}, "anthropic"],
    ["/v1/messages/batches", {}, "anthropic"],
    ["/v1/complete", {}, "anthropic"],
    ["/v1/completions", {}, "openai"],
    ["/v1/models", { "anthropic-version": "2023-06-01" }, "anthropic"],
    ["/v1beta/models/gemini-3:generateContent", {}, "google"],
    ["/v1alpha/models", {}, "google"],
    ["/upload/v1beta/files", {}, "google"],
    ["/v1/models/gemini-3:streamGenerateContent?alt=sse", {}, "google"],
    ["/v1/projects/p/locations/l/publishers/google/models/gemini-3:countTokens", {}, "google"],
    ["/v1/models", { "x-goog-api-key": "k" }, "google"],
    ["/v1/models?key=k", {}, "google"],
    ["/v1/models?a=b&key=k", {}, "google"],
    ["/v1/models?monkey=k", {}, "openai"],
  ] as const)("%s %o: %s", (path, headers, api) => expect(apiOf(path, headers)).toBe(api));
});

const upstream = (name: string, api: Api, more: Partial<Upstream> = {}): Upstream => ({
  name,
  api,
  baseURL: `https://${name}.example/v1`,
  ...more,
});

describe("which upstream it goes to", () => {
  const routes = new Routes([
    upstream("listed", "openai", { models: ["gpt-*", "o?3", "exact.name"] }),
    upstream("azure", "openai", { path: "/azure/" }),
    upstream("open", "openai"),
    upstream("claude", "anthropic", { models: ["claude-*"] }),
  ]);
  const chosen = (path: string, model?: string): unknown => {
    const way = routes.wayFor(path, {});
    if ("message" in way) return way;
    const found = routes.choose(way, way.model ?? model);
    return "message" in found ? found : found.name;
  };

  test("the first whose models match, then the first without a list", () => {
    expect(chosen("/v1/chat/completions", "gpt-4o")).toBe("listed");
    expect(chosen("/v1/chat/completions", "my-gpt-4o")).toBe("open");
    expect(chosen("/v1/chat/completions", "o?3")).toBe("listed");
    expect(chosen("/v1/chat/completions", "ox3")).toBe("open");
    expect(chosen("/v1/chat/completions", "exactXname")).toBe("open");
    expect(chosen("/v1/models")).toBe("open");
    expect(chosen("/openai/deployments/gpt-4o/chat/completions")).toBe("listed");
  });

  test("an upstream's own path decides, and is taken off", () => {
    expect(chosen("/azure/v1/messages", "gpt-4o")).toBe("azure");
    expect(routes.wayFor("/azure/v1/x?y", {})).toMatchObject({ api: "openai", path: "/v1/x?y" });
    expect(routes.wayFor("/azure", {})).toMatchObject({ path: "/" });
    expect(routes.wayFor("/azure?x", {})).toMatchObject({ path: "/?x" });
    expect(chosen("/azurer/v1/x", "gpt-4o")).toBe("listed");
  });

  test("one that names no model goes where most go; one whose model nobody has is told who has which", () => {
    expect(chosen("/v1/messages")).toBe("claude");
    expect(chosen("/v1/messages", "gpt")).toMatchObject({ message: expect.stringContaining("claude (claude-*)") });
    expect(chosen("/v1beta/models/g:generateContent")).toMatchObject({
      api: "google",
      message: expect.stringMatching(/no google upstream.*listed \(openai\).*azure \(openai, at \/azure\)/),
    });
  });

  test("the model is asked for only where it decides", () => {
    const needs = (each: Routes, path: string): boolean => {
      const way = each.wayFor(path, {});
      return !("message" in way) && each.needsModel(way);
    };
    expect(needs(routes, "/v1/chat/completions")).toBe(true);
    expect(needs(routes, "/openai/deployments/x/chat/completions")).toBe(false);
    expect(needs(routes, "/azure/v1/chat/completions")).toBe(false);
    expect(needs(new Routes([upstream("a", "openai"), upstream("b", "openai")]), "/v1/chat/completions")).toBe(false);
  });
});

test.each([
  ["openai", "https://api.openai.com/v1", "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"],
  ["openai", "https://api.openai.com/v1/", "/v1?x", "https://api.openai.com/v1?x"],
  ["openai", "https://openrouter.ai/api/v1", "/v1/models", "https://openrouter.ai/api/v1/models"],
  ["openai", "https://api.deepseek.com", "/v1/chat/completions", "https://api.deepseek.com/chat/completions"],
  ["openai", "https://g.example/v1beta/openai", "/v1/models", "https://g.example/v1beta/openai/models"],
  [
    "openai",
    "https://x.openai.azure.com/openai/v1",
    "/openai/deployments/d/embeddings?api-version=1",
    "https://x.openai.azure.com/openai/deployments/d/embeddings?api-version=1",
  ],
  ["openai", "https://a.example/v1", "/\\evil.example/x", "https://a.example//evil.example/x"],
  ["openai", "https://a.example/v1", "//evil.example/x", "https://a.example//evil.example/x"],
  ["anthropic", "https://api.anthropic.com", "/v1/messages", "https://api.anthropic.com/v1/messages"],
  [
    "anthropic",
    "https://api.anthropic.com/v1",
    "/v1/messages?beta=true",
    "https://api.anthropic.com/v1/messages?beta=true",
  ],
  ["anthropic", "https://proxy.example/a/v1", "/v1/messages", "https://proxy.example/a/v1/messages"],
  ["google", "https://g.example", "/v1alpha/models", "https://g.example/v1alpha/models"],
  ["google", "https://g.example/v1beta", "/v1alpha/models", "https://g.example/v1beta/models"],
  ["google", "https://g.example/v1beta", "/upload/v1beta/files", "https://g.example/upload/v1beta/files"],
] as const)("%s at %s: %s is %s", (api, baseURL, path, url) =>
  expect(new URL(targetOf({ api, baseURL }, path)).href).toBe(url),
);
