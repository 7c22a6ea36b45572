import type { Rule } from "./rule.ts";
import { addition } from "./rules/addition.ts";
import { antonym } from "./rules/antonym.ts";
import { aspect } from "./rules/aspect.ts";
import { bare } from "./rules/bare.ts";
import { format, language, quantifier, unit } from "./rules/classes.ts";
import { date } from "./rules/date.ts";
import { entity } from "./rules/entity.ts";
import { link } from "./rules/link.ts";
import { modal } from "./rules/modal.ts";
import { negation } from "./rules/negation.ts";
import { number } from "./rules/number.ts";
import { order } from "./rules/order.ts";
import { particle } from "./rules/particle.ts";
import { pronoun } from "./rules/pronoun.ts";
import { question } from "./rules/question.ts";
import { quotation } from "./rules/quotation.ts";
import { script } from "./rules/script.ts";
import { swap } from "./rules/swap.ts";
import { symbol } from "./rules/symbol.ts";
import { voice } from "./rules/voice.ts";

/** Rules that hold in any language: numbers, quotations, links, scripts, symbols, names, words exchanged or added. */
export const anyLanguageRules: readonly Rule[] = [
  script,
  number,
  quotation,
  link,
  symbol,
  entity,
  negation,
  order,
  bare,
  swap,
  addition,
];

/** What the guard asks by default, in this order: the first rule that finds a difference is the reason. */
export const defaultRules: readonly Rule[] = [
  script,
  number,
  date,
  quotation,
  link,
  symbol,
  negation,
  antonym,
  language,
  format,
  unit,
  question,
  modal,
  aspect,
  pronoun,
  quantifier,
  entity,
  particle,
  order,
  voice,
  bare,
  swap,
  addition,
];
