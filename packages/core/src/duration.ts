import { LLMCacheError } from "./errors.ts";

/** Seconds as a number, or a text with units: `"500ms"`, `"90s"`, `"15m"`, `"24h"`, `"7d"`, `"1h30m"`. `Infinity` never ends. */
export type Duration = number | string;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const PARTS = /(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*/gy;

/**
 * A duration in milliseconds: whole, at least 1 unless it is exactly 0, `Infinity` where it is given as such.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION`, naming `field`, for negative, NaN and nonsense.
 */
export function durationMs(value: Duration, field: string): number {
  const ms = typeof value === "number" ? value * 1000 : typeof value === "string" ? textMs(value) : Number.NaN;
  if (!(ms >= 0)) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `${field} must be a number of seconds from 0, or a text such as "90s", "24h" or "7d", not ${shown(value)}.`,
    );
  }
  if (ms === 0) return 0;
  return Number.isFinite(ms) ? Math.max(1, Math.round(ms)) : ms;
}

function textMs(text: string): number {
  const trimmed = text.trim();
  PARTS.lastIndex = 0;
  let total = 0;
  let end = 0;
  for (let part = PARTS.exec(trimmed); part !== null; part = PARTS.exec(trimmed)) {
    total += Number(part[1]) * (UNIT_MS[part[2] as string] as number);
    end = PARTS.lastIndex;
  }
  return end > 0 && end === trimmed.length ? total : Number.NaN;
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}
