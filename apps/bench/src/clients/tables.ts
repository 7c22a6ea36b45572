import type { Effort } from "../harness.ts";
import { QUICK } from "../harness.ts";
import { caseTable, type Case, type Table } from "../table.ts";
import { aiSDK } from "./ai-sdk.ts";
import { anthropic } from "./anthropic.ts";
import { google } from "./google.ts";
import { langChain } from "./langchain.ts";
import { startLocalServer } from "./local-server.ts";
import { openAI, plainFetch } from "./openai.ts";
import { clientCase, type Work } from "./work.ts";

/** Bytes of requests, and of the answers to them. */
const SIZES = [
  { request: 512, answer: 1024 },
  { request: 4096, answer: 4096 },
  { request: 24_576, answer: 4096 },
  { request: 81_920, answer: 8192 },
] as const;
const CHUNKS = 300;
const LISTS = [1, 16] as const;

/** A client, raw and cached, that asks for what is named. */
export interface Client {
  /** An answer of so many bytes to a request of so many. */
  answer(request: number, answer: number): Work | Promise<Work>;
  /** A stream of so many chunks, read to its end. */
  stream(chunks: number): Work | Promise<Work>;
  /** Embeddings of so many texts, 1536 numbers each. */
  embeddings?(texts: number): Work | Promise<Work>;
}

const OVER_HTTP =
  "raw: the client over a local server that answers at once. A miss is asked there, too, and written. What the cache adds to a miss is the difference to raw.";
const IN_PROCESS = "raw: the model in the process answers at once. A miss asks it, too, and writes.";

const table =
  (title: string, open: (url: string) => Client | Promise<Client>) =>
  async (effort: Effort): Promise<Table> => {
    const server = await startLocalServer();
    try {
      return await caseTable(title, casesOf(await open(server.url), effort === QUICK), effort, [OVER_HTTP]);
    } finally {
      await server.close();
    }
  };

const localTable =
  (title: string, open: () => Client) =>
  (effort: Effort): Promise<Table> =>
    caseTable(title, casesOf(open(), effort === QUICK), effort, [IN_PROCESS]);

/** Each client on hits and misses, beside itself without a cache. */
export const clientTables = [
  table("cachedOpenAI, beside openai", openAI),
  table("cachedAnthropic, beside @anthropic-ai/sdk", anthropic),
  table("cachedGoogle, beside @google/genai", google),
  table("cachedFetch, beside fetch", plainFetch),
  localTable("AI SDK: wrapped models, beside a model that answers at once", aiSDK),
  localTable("LangChain: withCache and CachedEmbeddings, beside models that answer at once", langChain),
];

function casesOf(client: Client, isQuick: boolean): readonly Case[] {
  const inKilobytes = (bytes: number): string => `${bytes / 1024} kB`;
  return [
    ...SIZES.map(({ request, answer }) =>
      clientCase(
        `${inKilobytes(request)} in, ${inKilobytes(answer)} out`,
        () => client.answer(request, answer),
        isQuick,
      ),
    ),
    clientCase(`stream of ${CHUNKS} chunks`, () => client.stream(CHUNKS), isQuick),
    ...LISTS.flatMap((texts) =>
      client.embeddings === undefined
        ? []
        : [
            clientCase(
              texts === 1 ? "embedding of 1,536 floats" : `${texts} embeddings`,
              () => client.embeddings!(texts),
              isQuick,
            ),
          ],
    ),
  ];
}
