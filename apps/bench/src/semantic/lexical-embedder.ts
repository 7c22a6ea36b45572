import type { Embedder } from "@llmcache/core";

const DIMENSIONS = 4096;

/** Words, pairs of words and groups of three letters, hashed into one vector: knows spelling and no meaning. The least that is called an embedder. */
export function lexicalEmbedder(): Embedder {
  return {
    id: "lexical-hash",
    dimensions: DIMENSIONS,
    embed: async (texts) => texts.map(vectorOf),
  };
}

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const add = (feature: string, weight: number) => {
    const hash = fnv(feature);
    const at = hash % DIMENSIONS;
    vector[at] = (vector[at] as number) + ((hash & 0x8000_0000) === 0 ? weight : -weight);
  };
  for (const [index, word] of words.entries()) {
    add(word, 1);
    if (index > 0) add(`${words[index - 1]} ${word}`, 0.5);
    const padded = `^${word}$`;
    for (let from = 0; from + 3 <= padded.length; from += 1) add(`#${padded.slice(from, from + 3)}`, 0.3);
  }
  if (words.length === 0) vector[0] = 1;
  return vector;
}

function fnv(text: string): number {
  let hash = 0x811c_9dc5;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193) >>> 0;
  return hash;
}
