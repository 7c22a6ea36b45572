/** How many samples one request asks for, where `batch` are wanted: as even parts as the limit allows. 15 with a limit of 10: 8. */
export function batchSize(batch: number, maxBatch: number): number {
  return Math.ceil(batch / Math.ceil(batch / maxBatch));
}
