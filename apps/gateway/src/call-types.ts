/** What LiteLLM calls them in `supported_call_types`, and the operations that they are here. */
const CALL_TYPES: Readonly<Record<string, readonly string[]>> = {
  completion: ["chat.completions", "messages", "generateContent"],
  acompletion: ["chat.completions", "messages", "generateContent"],
  embedding: ["embeddings"],
  aembedding: ["embeddings"],
  transcription: ["audio.transcriptions"],
  atranscription: ["audio.transcriptions"],
};

/** Operations as the cache knows them, each once; LiteLLM's names of call types stand for theirs. */
export function operationsOf(names: readonly string[]): readonly string[] {
  return [...new Set(names.flatMap((name) => (Object.hasOwn(CALL_TYPES, name) ? CALL_TYPES[name]! : [name])))];
}
