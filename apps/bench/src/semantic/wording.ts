import { pick, type Random } from "./random.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** A task, at times with its setting. */
export function task(random: Random, { tasks, settings }: Vocabulary): string {
  return random() < 0.5 ? pick(random, tasks) : `${pick(random, tasks)} ${pick(random, settings)}`;
}

const IN_WORDS = [
  "zero",
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
  "seven",
  "eight",
  "nine",
  "ten",
  "eleven",
  "twelve",
];
const TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/** 0 to 99 in words. */
export function inWords(value: number): string {
  if (value <= 12) return IN_WORDS[value] as string;
  if (value < 20)
    return ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"][value - 13] as string;
  const unit = value % 10;
  return unit === 0 ? (TENS[value / 10] as string) : `${TENS[Math.floor(value / 10)]}-${IN_WORDS[unit]}`;
}

export function grouped(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/gu, ",");
}
