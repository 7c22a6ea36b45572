/** What stores of similar answers have in common, for those who write one: options, opening by URL, the vectors of texts, and writes that wait for them. */
export { openSimilar, similarParameters, type SimilarParameters } from "./open-similar.ts";
export { EmbedderState } from "./embedder-state.ts";
export { PendingWrites } from "./pending-writes.ts";
export {
  similarSettings,
  type CandidatePolicy,
  type SimilarStoreOptions,
  type SimilarStoreSettings,
} from "./store-options.ts";
export { embedderError, VectorSource, WrongVector } from "./vector-source.ts";
