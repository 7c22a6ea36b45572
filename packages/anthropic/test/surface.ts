import type Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import type { CachedAnthropic } from "../src/index.ts";

/** One way to use the client. What the server says to it goes by the name, which each request holds. */
export interface Step {
  readonly name: string;
  /** How many requests it takes. @default 1 */
  readonly asks?: number;
  run(client: CachedAnthropic<Anthropic>): Promise<unknown>;
}

const FORMAT = {
  type: "json_schema" as const,
  schema: {
    type: "object",
    properties: { answer: { type: "number" } },
    required: ["answer"],
    additionalProperties: false,
  },
};

function ask(name: string) {
  return { model: "claude-sonnet-5", max_tokens: 1000, messages: [{ role: "user" as const, content: name }] };
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of stream) list.push(each);
  return list;
}

export const STEPS: readonly Step[] = [
  { name: "create", run: async (client) => client.messages.create(ask("create")) },
  {
    name: "create with tools and thoughts",
    run: async (client) => client.messages.create(ask("create with tools and thoughts")),
  },
  { name: "create with citations", run: async (client) => client.messages.create(ask("create with citations")) },
  {
    name: "create as a stream",
    run: async (client) => all(await client.messages.create({ ...ask("create as a stream"), stream: true })),
  },
  {
    name: "stream with tools and thoughts",
    run: async (client) =>
      all(await client.messages.create({ ...ask("stream with tools and thoughts"), stream: true })),
  },
  {
    name: "stream helper",
    run: async (client) => {
      const stream = client.messages.stream(ask("stream helper"));
      const texts: string[] = [];
      stream.on("text", (delta) => texts.push(delta));
      const events = await all(stream);
      return { events, texts, message: await stream.finalMessage(), text: await stream.finalText() };
    },
  },
  {
    name: "stream helper with tools",
    run: async (client) => {
      const stream = client.messages.stream(ask("stream helper with tools"));
      const inputs: string[] = [];
      stream.on("inputJson", (delta) => inputs.push(delta));
      return { message: await stream.finalMessage(), inputs };
    },
  },
  {
    name: "parse",
    run: async (client) => client.messages.parse({ ...ask("parse"), output_config: { format: FORMAT } }),
  },
  {
    name: "beta create",
    run: async (client) =>
      client.beta.messages.create({ ...ask("beta create"), betas: ["context-management-2025-06-27"] }),
  },
  {
    name: "beta stream",
    run: async (client) => {
      const stream = client.beta.messages.stream(ask("beta stream"));
      return { events: await all(stream), message: await stream.finalMessage() };
    },
  },
  {
    name: "beta parse",
    run: async (client) => client.beta.messages.parse({ ...ask("beta parse"), output_config: { format: FORMAT } }),
  },
  {
    name: "beta tool runner",
    asks: 2,
    run: async (client) =>
      client.beta.messages.toolRunner({
        ...ask("beta tool runner"),
        // Each answer of a message thread is continued once: it is not cached.
        thread: false,
        tools: [
          betaTool({
            name: "weather",
            description: "The weather in a city.",
            inputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
            run: ({ city }) => `sunny in ${city}`,
          }),
        ],
      }),
  },
  {
    name: "withResponse",
    run: async (client) => {
      const { data, response } = await client.messages.create(ask("withResponse")).withResponse();
      return { data, status: response.status, type: response.headers.get("content-type") };
    },
  },
  {
    name: "asResponse",
    run: async (client) => {
      const response = await client.messages.create(ask("asResponse")).asResponse();
      return { body: await response.text(), ok: response.ok };
    },
  },
];

/** A value as it can be compared over processes: with the names of its types, and members that are not enumerable. */
export function shown(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value === undefined ? "undefined" : value;
  const type =
    (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name ?? "null";
  const hidden = Object.getOwnPropertyNames(value).filter((name) => !name.startsWith("_") && name !== "length");
  const members = Object.fromEntries(hidden.map((name) => [name, shown((value as Record<string, unknown>)[name])]));
  return type === "Object" ? members : { [type]: members };
}
