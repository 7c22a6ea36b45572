import { setTimeout as sleep } from "node:timers/promises";
import type { LLMCache } from "@llmcache/core";

/** What is under way gets so long to end. */
const PATIENCE_MS = 5000;
const LOOK_MS = 20;
/** What keeps a process alive and is ours; others belong to whoever runs this. */
const OURS: ReadonlySet<string> = new Set([
  "Timeout",
  "TCPSocketWrap",
  "TCPServerWrap",
  "GetAddrInfoReqWrap",
  "Immediate",
]);

/** What of a cache nobody uses any more is still under way. */
export async function whatIsLeft(cache: LLMCache): Promise<string[]> {
  const ended = new AbortController();
  const late = sleep(PATIENCE_MS, false, { signal: ended.signal }).catch(() => false);
  const settled = await Promise.race([cache.settled().then(() => true), late]);
  ended.abort();
  return [
    ...(settled ? [] : [`left: settled() did not resolve within ${PATIENCE_MS} ms`]),
    ...(cache.inFlight === 0 ? [] : [`left: ${cache.inFlight} runs in flight`]),
  ];
}

/** Timers and sockets of this process that keep it alive. `left` says which are more than there were. */
export function resources(): { left(): Promise<string[]> } {
  const before = count();
  const more = (): string[] =>
    [...count()].flatMap(([type, now]) =>
      now > (before.get(type) ?? 0) ? [`left: ${now} of ${type}, ${before.get(type) ?? 0} before`] : [],
    );
  return {
    async left() {
      const giveUpAt = performance.now() + PATIENCE_MS;
      // The timer of this loop must not be counted: it has fired when it looks.
      while (more().length > 0 && performance.now() < giveUpAt) await sleep(LOOK_MS);
      return more();
    },
  };
}

function count(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) {
    if (OURS.has(type)) counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}
