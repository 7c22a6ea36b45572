import { availableParallelism, cpus, totalmem } from "node:os";

/** What the figures were measured with, in one line, without names of machines. */
export function machine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const gigabytes = Math.round(totalmem() / 1024 ** 3);
  return `${model}, ${availableParallelism()} cores, ${gigabytes} GB of memory; Node ${process.versions.node} on ${process.platform} ${process.arch}; all servers on the same machine`;
}
