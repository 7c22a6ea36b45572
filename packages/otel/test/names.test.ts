import { expect, test } from "vitest";
import { operationName, providerName } from "../src/names.ts";

test.each([
  ["https://api.openai.com/v1", "openai"],
  ["https://my-company.openai.azure.com/openai/deployments/x", "azure.ai.openai"],
  ["https://api.anthropic.com", "anthropic"],
  ["https://generativelanguage.googleapis.com/v1beta", "gcp.gemini"],
  ["https://europe-west4-aiplatform.googleapis.com/v1", "gcp.vertex_ai"],
  ["https://aiplatform.googleapis.com/v1", "gcp.vertex_ai"],
  ["https://bedrock-runtime.eu-central-1.amazonaws.com", "aws.bedrock"],
  ["https://api.groq.com/openai/v1", "groq"],
  ["http://127.0.0.1:11434/v1", "127.0.0.1:11434"],
  // No suffix without its dot, and no credentials.
  ["https://notapi.openai.com.example/v1", "notapi.openai.com.example"],
  ["https://evilapi.openai.com/v1", "evilapi.openai.com"],
  ["https://key:secret@llm.example/v1", "llm.example"],
  ["//key:secret@llm.example/v1", "//llm.example/v1"],
  ["https://key:se/cr@et@not a host/v1", "https://not a host/v1"],
  ["shared", "shared"],
])("the provider %s is %s", (provider, name) => {
  expect(providerName(provider)).toBe(name);
});

test.each([
  ["chat.completions", "chat"],
  ["responses", "chat"],
  ["messages", "chat"],
  ["completions", "text_completion"],
  ["generateContent", "generate_content"],
  ["embeddings", "embeddings"],
  ["function:summarize", "function:summarize"],
  ["constructor", "constructor"],
])("the operation %s is %s", (operation, name) => {
  expect(operationName(operation)).toBe(name);
});
