/**
 * LangChain.js and LangGraph with a cache in a file. Run it twice: the second run makes no request.
 *
 *     node --conditions=@llmcache/source examples/langchain.ts [cache folder]
 *
 * With OPENAI_API_KEY (and OPENAI_BASE_URL) it asks a real model, otherwise one on this machine that makes its answers up.
 */
import { HumanMessage, type AIMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { CachedEmbeddings, cachedTool, withCache } from "@llmcache/langchain";
import { startModelServer } from "@llmcache/testing/model-server";
import { z } from "zod";

const real = process.env["OPENAI_API_KEY"] !== undefined;
const demo = real ? undefined : await startModelServer();
const fields = demo === undefined ? {} : { apiKey: "none needed", configuration: { baseURL: demo.baseURL } };
const store = new DiskStore({ path: process.argv[2] ?? ".cache" });
const cache = new LLMCache({ store, ttl: "7d" });

// One line in front of the model. The demo's port changes from run to run; an alias keeps the identity of its answers the same.
const provider = demo === undefined ? {} : { provider: "demo" };
const model = withCache(new ChatOpenAI({ model: "gpt-4o-mini", ...fields }), cache, provider);

const question = "Name a prime number.";
const first = await model.invoke(question);
await cache.settled();
const second = await model.invoke(question);
console.log(`invoke: ${first.text}`);
console.log(`again: ${second.text}, usage ${second.usage_metadata === undefined ? "lost" : "kept"}`);

let text = "";
for await (const chunk of await model.stream(question)) text += chunk.text;
console.log(`as a stream: ${text}`);

const anew = await model.invoke(question, { llmcache: { namespace: "seed-2" } });
console.log(`its own seed: ${anew.text}`);

// A graph with a tool, whose results are kept for an hour and are the same for everybody.
const weather = tool(async ({ city }) => `20 degrees in ${city}`, {
  name: "weather",
  description: "The weather in a city.",
  schema: z.object({ city: z.string() }),
});
const agent = model.bindTools([weather]);
const graph = new StateGraph(MessagesAnnotation)
  .addNode("agent", async ({ messages }) => ({ messages: [await agent.invoke(messages)] }))
  .addNode("tools", new ToolNode([cachedTool(weather, { ttl: "1h", tenant: false, cache })]))
  .addEdge("__start__", "agent")
  .addConditionalEdges("agent", ({ messages }) =>
    (messages.at(-1) as AIMessage).tool_calls?.length ? "tools" : "__end__",
  )
  .addEdge("tools", "agent")
  .compile();
demo?.enqueue({ toolCalls: [{ name: "weather", arguments: '{"city":"Rome"}' }] });
const { messages } = await graph.invoke({ messages: [new HumanMessage("How warm is it in Rome?")] });
console.log(`a graph: ${messages.length} messages`);

// Of a list, only what is missing is asked for.
const inner = new OpenAIEmbeddings({ model: "text-embedding-3-small", ...fields });
const vectors = await new CachedEmbeddings(inner, cache, { identity: "text-embedding-3-small" }).embedDocuments([
  "one",
  "two",
  "one",
]);
console.log(`vectors: ${vectors.length}`);

await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
if (demo !== undefined) console.log(`requests to the model: ${demo.count()}`);
await demo?.close();
