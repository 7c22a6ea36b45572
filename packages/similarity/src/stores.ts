/** What stores of similar answers have in common, for those who write one: the vectors of texts, and writes that wait for them. */
export { PendingWrites } from "./pending-writes.ts";
export { embedderError, VectorSource, WrongVector } from "./vector-source.ts";
