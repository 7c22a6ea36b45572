import { FunctionCallingConfigMode, type FunctionDeclaration, type GoogleGenAI } from "@google/genai";
import type { CachedGoogle } from "../src/index.ts";

/** One way to use the client. What the server says to it goes by the name, which each request holds. */
export interface Step {
  readonly name: string;
  /** How many requests it takes. @default 1 */
  readonly asks?: number;
  run(client: CachedGoogle<GoogleGenAI>): Promise<unknown>;
}

const model = "gemini-3-flash";
const WEATHER: FunctionDeclaration = { name: "weather", parametersJsonSchema: { type: "object" } };

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of stream) list.push(each);
  return list;
}

export const STEPS: readonly Step[] = [
  { name: "generate", run: async (client) => client.models.generateContent({ model, contents: "generate" }) },
  {
    name: "generate with tools and thoughts",
    run: async (client) =>
      client.models.generateContent({
        model,
        contents: "generate with tools and thoughts",
        config: { tools: [{ functionDeclarations: [WEATHER] }], systemInstruction: "Be brief.", temperature: 0 },
      }),
  },
  {
    name: "generate json",
    run: async (client) =>
      client.models.generateContent({
        model,
        contents: "generate json",
        config: { responseMimeType: "application/json", responseJsonSchema: { type: "object" } },
      }),
  },
  {
    name: "stream",
    run: async (client) => all(await client.models.generateContentStream({ model, contents: "stream" })),
  },
  {
    name: "stream with tools and thoughts",
    run: async (client) =>
      all(
        await client.models.generateContentStream({
          model,
          contents: "stream with tools and thoughts",
          config: { tools: [{ functionDeclarations: [WEATHER] }] },
        }),
      ),
  },
  {
    name: "generate calls functions",
    asks: 2,
    run: async (client) =>
      client.models.generateContent({
        model,
        contents: "generate calls functions",
        config: {
          toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } },
          tools: [
            {
              tool: () => Promise.resolve({ functionDeclarations: [WEATHER] }),
              callTool: () => Promise.resolve([{ functionResponse: { name: "weather", response: { sky: "sunny" } } }]),
            },
          ],
        },
      }),
  },
  {
    name: "chat",
    asks: 2,
    run: async (client) => {
      const chat = client.chats.create({ model });
      const first = await chat.sendMessage({ message: "chat" });
      return { first, second: await chat.sendMessage({ message: "chat on" }), history: chat.getHistory() };
    },
  },
  {
    name: "chat as a stream",
    run: async (client) => all(await client.chats.create({ model }).sendMessageStream({ message: "chat as a stream" })),
  },
  {
    name: "embed one",
    run: async (client) => client.models.embedContent({ model: "gemini-embedding-001", contents: "embed one" }),
  },
  {
    name: "embed many",
    run: async (client) =>
      client.models.embedContent({
        model: "gemini-embedding-001",
        contents: ["embed many", "embed more", "embed many"],
        config: { outputDimensionality: 4 },
      }),
  },
];

/** A value as it can be compared over processes: with the names of its types. What the SDK tells of HTTP is of its own call. */
export function shown(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value === undefined ? "undefined" : value;
  if (Array.isArray(value)) return value.map(shown);
  const type =
    (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name ?? "null";
  const names = Object.getOwnPropertyNames(value).filter((name) => name !== "sdkHttpResponse");
  const members = Object.fromEntries(names.map((name) => [name, shown((value as Record<string, unknown>)[name])]));
  return type === "Object" ? members : { [type]: members };
}
