import { createHash } from "node:crypto";
import type { CacheRequest } from "@llmcache/core";

/** What the provider says to a question. Whoever gets another one, half of one or an old one can see that. */
export interface Answer {
  readonly question: number;
  /** Counts what the provider ever gave, from 0. */
  readonly production: number;
  /** When it was given: instant, ms since the epoch. */
  readonly givenAt: number;
  readonly text: string;
  readonly seal: string;
}

const WORDS_AT_MOST = 400;

export function requestOf(question: number): CacheRequest {
  return { operation: "chaos", model: "m", prompt: `What is said to question ${question}?` };
}

export function answerTo(question: number, production: number, givenAt: number): Answer {
  const text = `${question}:${production} `.repeat(1 + ((production * 37) % WORDS_AT_MOST));
  return { question, production, givenAt, text, seal: sealOf(question, production, givenAt, text) };
}

/** Why this may not be said to `question`; `undefined` if it may. */
export function faultOf(answer: Answer, question: number): string | undefined {
  const { production, givenAt, text, seal } = answer;
  if (answer.question !== question) return `foreign: question ${question} got the answer to ${answer.question}`;
  if (seal !== sealOf(question, production, givenAt, text)) return `torn: question ${question} got a broken answer`;
  return undefined;
}

function sealOf(...parts: readonly (string | number)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
