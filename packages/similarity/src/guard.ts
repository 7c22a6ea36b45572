import { OptionChecks } from "@llmcache/core";
import { compare } from "./comparison.ts";
import { defaultRules } from "./english.ts";
import { read, type Reading } from "./reading.ts";
import type { Rule } from "./rule.ts";

export interface GuardOptions {
  /**
   * Asked in this order; the first that finds a difference is the reason.
   * @default `defaultRules`
   */
  readonly rules?: readonly Rule[] | undefined;
  /**
   * Characters. Longer texts are only compared for being the same, but for white space at their ends: reason `"length"`.
   * @default 4000
   */
  readonly maxChars?: number | undefined;
}

/** Why one answer cannot serve both texts. */
export interface Refusal {
  /** Name of the rule. */
  readonly rule: string;
  /** What differs. It holds words of the texts: for people who may read those. */
  readonly difference: string;
}

const MAX_CHARS = 4000;
const checks = new OptionChecks("Guard");

/** Looks at two texts, whatever their similarity is, for a difference that asks for another answer. */
export class Guard {
  readonly #rules: readonly Rule[];
  readonly #maxChars: number;
  /** The text that was asked is compared with several candidates. */
  #last: Reading | undefined;

  constructor(options: GuardOptions = {}) {
    const { rules = defaultRules, maxChars = MAX_CHARS } = options;
    if (!Array.isArray(rules) || !rules.every(isRule))
      throw checks.error("rules must be a list of rules, each with a name and a function differs.");
    checks.whole("maxChars", maxChars);
    this.#rules = [...(rules as readonly Rule[])];
    this.#maxChars = maxChars;
  }

  /** `undefined` if no rule objects. The same both ways round. Takes time linear in the lengths; throws only what a rule of your own throws. */
  refusal(asked: string, stored: string): Refusal | undefined {
    if (asked === stored || asked.trim() === stored.trim()) return undefined;
    if (asked.length > this.#maxChars || stored.length > this.#maxChars)
      return { rule: "length", difference: `${asked.length} / ${stored.length} characters` };
    const readAsked = this.#last?.source === asked ? this.#last : read(asked);
    this.#last = readAsked;
    const readStored = read(stored);
    // Words are paired one after the other: in one order of the texts, so that both orders end alike.
    const texts = asked < stored ? compare(readAsked, readStored) : compare(readStored, readAsked);
    for (const rule of this.#rules) {
      const difference = rule.differs(texts);
      if (difference !== undefined) return { rule: rule.name, difference };
    }
    return undefined;
  }
}

function isRule(value: unknown): value is Rule {
  const { name, differs } = (value ?? {}) as { readonly name?: unknown; readonly differs?: unknown };
  return typeof name === "string" && name !== "" && typeof differs === "function";
}
