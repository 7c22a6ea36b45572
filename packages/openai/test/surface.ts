import type { AzureOpenAI, OpenAI, toFile } from "openai";

/** The clients of one SDK, all behind one cache. */
export interface Clients {
  readonly client: OpenAI;
  /** With a deployment for a model, which stands in the path. */
  readonly azure: AzureOpenAI;
  readonly toFile: typeof toFile;
}

/** One use of the SDK, and what came of it. Its name is in what it asks, so that the server knows it. */
export interface Step {
  readonly name: string;
  /** The first major that has it where it is now. @default any */
  readonly since?: number;
  run(clients: Clients, name: string): Promise<unknown>;
}

const model = "gpt-4o-mini";
const USAGE = { stream_options: { include_usage: true } } as const;
const SCHEMA = { type: "object", properties: { answer: { type: "number" } }, required: ["answer"] };
const FORMAT = { type: "json_schema" as const, json_schema: { name: "sum", schema: SCHEMA } };
const TEXT_FORMAT = { format: { type: "json_schema" as const, name: "sum", schema: SCHEMA } };
const FUNCTION = { name: "weather", description: "The weather in a city.", parameters: { type: "object" } };

function chat(content: string) {
  return { model, messages: [{ role: "user" as const, content }] };
}

async function sound(of: Clients, name: string): Promise<File> {
  return of.toFile(Buffer.from(name.repeat(300)), "speech.mp3", { type: "audio/mpeg" });
}

async function image(of: Clients, name: string): Promise<File> {
  return of.toFile(Buffer.from(name.repeat(300)), "image.png", { type: "image/png" });
}

/** All events of a stream, and the class that it is of. */
async function eventsOf(stream: AsyncIterable<unknown>): Promise<unknown> {
  const events: unknown[] = [];
  for await (const event of stream) events.push(event);
  return [stream.constructor.name, events];
}

export const STEPS: readonly Step[] = [
  // Chat completions.
  { name: "chat", run: ({ client }, name) => client.chat.completions.create(chat(name)) },
  {
    name: "chat with choices and log probabilities",
    run: ({ client }, name) =>
      client.chat.completions.create({ ...chat(name), n: 3, logprobs: true, top_logprobs: 2, temperature: 1 }),
  },
  {
    name: "chat with tools",
    run: ({ client }, name) =>
      client.chat.completions.create({ ...chat(name), tools: [{ type: "function", function: FUNCTION }] }),
  },
  {
    name: "chat with reasoning and annotations",
    run: ({ client }, name) => client.chat.completions.create(chat(name)),
  },
  {
    name: "chat as a stream",
    run: async ({ client }, name) =>
      eventsOf(await client.chat.completions.create({ ...chat(name), n: 2, stream: true, ...USAGE })),
  },
  {
    name: "chat with tools as a stream",
    run: async ({ client }, name) =>
      eventsOf(
        await client.chat.completions.create({
          ...chat(name),
          stream: true,
          tools: [{ type: "function", function: FUNCTION }],
        }),
      ),
  },
  {
    name: "chat as a stream in two",
    run: async ({ client }, name) => {
      const [one, other] = (await client.chat.completions.create({ ...chat(name), stream: true })).tee();
      return [await eventsOf(one), await eventsOf(other)];
    },
  },
  {
    name: "chat as a readable stream",
    run: async ({ client }, name) => {
      const stream = await client.chat.completions.create({ ...chat(name), stream: true });
      return new Response(stream.toReadableStream() as ConstructorParameters<typeof Response>[0]).text();
    },
  },
  {
    name: "chat with its response",
    run: async ({ client }, name) => {
      const { data, response } = await client.chat.completions.create(chat(name)).withResponse();
      return [data, response.constructor.name, response.status, response.url, response.headers.get("content-type")];
    },
  },
  {
    name: "chat as its response",
    run: async ({ client }, name) => (await client.chat.completions.create(chat(name)).asResponse()).text(),
  },
  {
    name: "chat parsed",
    since: 5,
    run: ({ client }, name) => client.chat.completions.parse({ ...chat(name), response_format: FORMAT }),
  },
  {
    name: "chat by the streaming helper",
    since: 5,
    run: async ({ client }, name) => {
      const heard: unknown[] = [];
      const stream = client.chat.completions.stream({ ...chat(name), ...USAGE });
      stream.on("content", (delta, snapshot) => heard.push(["content", delta, snapshot]));
      stream.on("chunk", (chunk) => heard.push(["chunk", chunk]));
      return [await stream.finalChatCompletion(), await stream.finalContent(), await stream.totalUsage(), heard];
    },
  },
  {
    name: "chat that runs tools",
    since: 5,
    run: async ({ client }, name) => {
      const runner = client.chat.completions.runTools({
        ...chat(name),
        tools: [
          {
            type: "function",
            function: { ...FUNCTION, parse: (text: string) => JSON.parse(text) as unknown, function: () => "rain" },
          },
        ],
      });
      return [await runner.finalContent(), runner.messages];
    },
  },
  // Responses.
  { name: "Responses", run: ({ client }, name) => client.responses.create({ model, input: name }) },
  {
    name: "Responses with tools",
    run: ({ client }, name) =>
      client.responses.create({ model, input: name, tools: [{ type: "function", ...FUNCTION, strict: false }] }),
  },
  {
    name: "Responses as a stream",
    run: async ({ client }, name) => eventsOf(await client.responses.create({ model, input: name, stream: true })),
  },
  {
    name: "Responses parsed",
    run: ({ client }, name) => client.responses.parse({ model, input: name, text: TEXT_FORMAT }),
  },
  {
    name: "Responses by the streaming helper",
    since: 5,
    run: async ({ client }, name) => {
      const heard: unknown[] = [];
      const stream = client.responses.stream({ model, input: name });
      stream.on("event", (event) => heard.push(event));
      return [await stream.finalResponse(), heard];
    },
  },
  // Completions.
  { name: "completions", run: ({ client }, name) => client.completions.create({ model, prompt: name, n: 2 }) },
  {
    name: "completions as a stream",
    run: async ({ client }, name) =>
      eventsOf(await client.completions.create({ model, prompt: [name, "b"], stream: true, ...USAGE })),
  },
  // Embeddings.
  { name: "embeddings", run: ({ client }, name) => client.embeddings.create({ model, input: name }) },
  {
    name: "embeddings of a list",
    run: ({ client }, name) => client.embeddings.create({ model, input: [name, "b", name], dimensions: 16 }),
  },
  {
    name: "embeddings as numbers",
    run: ({ client }, name) => client.embeddings.create({ model, input: [name], encoding_format: "float" }),
  },
  {
    name: "embeddings as base64",
    run: ({ client }, name) => client.embeddings.create({ model, input: [name], encoding_format: "base64" }),
  },
  {
    name: "embeddings of tokens",
    run: ({ client }, name) => client.embeddings.create({ model, input: [[1, 2], [3]], user: name }),
  },
  // Audio.
  ...(["json", "verbose_json", "text", "srt", "vtt"] as const).flatMap((response_format): Step[] => [
    {
      name: `transcriptions as ${response_format}`,
      run: async (of, name) =>
        of.client.audio.transcriptions.create({ file: await sound(of, name), model: "whisper-1", response_format }),
    },
    {
      name: `translations as ${response_format}`,
      run: async (of, name) =>
        of.client.audio.translations.create({ file: await sound(of, name), model: "whisper-1", response_format }),
    },
  ]),
  {
    name: "transcriptions as a stream",
    run: async (of, name) =>
      eventsOf(
        await of.client.audio.transcriptions.create({ file: await sound(of, name), model: "whisper-1", stream: true }),
      ),
  },
  // Moderations and images.
  { name: "moderations", run: ({ client }, name) => client.moderations.create({ input: [name, "bad"] }) },
  { name: "images", run: ({ client }, name) => client.images.generate({ prompt: name, n: 2 }) },
  {
    name: "edited images",
    run: async (of, name) => of.client.images.edit({ image: await image(of, name), prompt: "a hat" }),
  },
  {
    name: "varied images",
    run: async (of, name) => of.client.images.createVariation({ image: await image(of, name) }),
  },
  // Azure: the deployment in the path, the version of the API in the query.
  { name: "Azure's chat", run: ({ azure }, name) => azure.chat.completions.create(chat(name)) },
  {
    name: "Azure's chat as a stream",
    run: async ({ azure }, name) => eventsOf(await azure.chat.completions.create({ ...chat(name), stream: true })),
  },
  { name: "Azure's Responses", run: ({ azure }, name) => azure.responses.create({ model, input: name }) },
  { name: "Azure's embeddings", run: ({ azure }, name) => azure.embeddings.create({ model, input: [name] }) },
  {
    name: "Azure's transcriptions",
    run: async (of, name) => of.azure.audio.transcriptions.create({ file: await sound(of, name), model: "whisper-1" }),
  },
];

/** A value with the classes of all that is in it, as JSON; members in no order. */
export function typed(value: unknown): unknown {
  if (value === undefined) return ["undefined"];
  if (typeof value === "number") return ["number", Object.is(value, -0) ? "-0" : String(value)];
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return ["Array", ...value.map(typed)];
  const prototype = Object.getPrototypeOf(value) as { readonly constructor: { readonly name: string } } | null;
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [name, typed(member)]);
  return [prototype?.constructor.name ?? "null", Object.fromEntries(members)];
}
