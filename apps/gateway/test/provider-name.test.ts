import { describe, expect, test } from "vitest";
import type { Api } from "../src/gateway-options.ts";
import { providerFor } from "../src/provider-name.ts";
import { targetOf } from "../src/routing.ts";

const BASES: Readonly<Record<Api, string>> = {
  openai: "http://models.test/a/v1",
  anthropic: "http://models.test/a",
  google: "http://models.test/a",
};
const nameOf = (api: Api, path: string, provider: string | undefined = "p"): string | undefined =>
  providerFor({ api, provider }, path, new URL(targetOf({ api, baseURL: BASES[api] }, path)));

describe("what an upstream is called in keys", () => {
  test("its name, where its API's answers come from as a rule", () => {
    for (const path of ["chat/completions", "completions", "responses", "embeddings", "moderations", "images/edits"])
      expect(nameOf("openai", `/v1/${path}`), path).toBe("p");
    for (const path of ["/v1/messages", "/v1/messages?beta=true"]) expect(nameOf("anthropic", path), path).toBe("p");
    for (const path of ["/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse"])
      expect(nameOf("google", path), path).toBe("p");
  });

  test("its name and the path anywhere else, as it is asked in the end", () => {
    expect(nameOf("openai", "/b/v1/chat/completions")).toBe("p /b/v1/chat/completions");
    expect(nameOf("openai", "/v1/../../b/v1/chat/completions")).toBe("p /b/v1/chat/completions");
    expect(nameOf("openai", "/v1/b/chat/completions")).toBe("p /a/v1/b/chat/completions");
    expect(nameOf("openai", "/v1/chat/completions/")).toBe("p /a/v1/chat/completions/");
    expect(nameOf("anthropic", "/b/v1/messages")).toBe("p /a/b/v1/messages");
    expect(nameOf("google", "/v1/models/m:generateContent")).toBe("p /a/v1");
    expect(nameOf("google", String.raw`/v1beta/models/..\..\b\models\m:generateContent`)).toBe("p /a/b");
    expect(nameOf("google", "/v1/projects/x/locations/y/publishers/google/models/m:generateContent")).toBe(
      "p /a/v1/projects/x/locations/y/publishers/google",
    );
  });

  test("with the query of an OpenAI upstream, but for credentials", () => {
    expect(nameOf("openai", "/v1/chat/completions?api-version=7&api-key=s")).toBe(
      "p /a/v1/chat/completions?api-version=7",
    );
    expect(nameOf("openai", "/openai/deployments/d/chat/completions?api-version=7")).toBe(
      "p /openai/deployments/d/chat/completions?api-version=7",
    );
  });

  test("nothing, where it has no name", () => {
    expect(providerFor({ api: "openai" }, "/b/v1/chat/completions", new URL("http://models.test/x"))).toBeUndefined();
  });
});
