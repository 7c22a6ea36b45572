import { wordSet } from "./lists.ts";

/** Words that hold a sentence together; what they change is looked after by rules of their own. */
export const FUNCTION_WORDS: ReadonlySet<string> = wordSet(`
  a an the this that these those there here
  i me my mine myself you your yours yourself yourselves he him his himself she her hers herself it its itself
  we us our ours ourselves they them their theirs themselves one oneself
  am is are was were be been being do does did done doing have has had having
  will would shall should can could may might must ought
  and or but nor so if then because as while though although whether than
  of in on at by for with about to from into onto over under up down out off through during against between among within
  upon per via around across along toward towards
  who whom whose what which when where why how
  not no never neither none nothing nobody nowhere without
`);

/**
 * Courtesy, hesitation and the frame of a request: a text asks the same with and without them. Words that narrow a question
 * (`only`, `quickly`, `first`) are not here.
 */
export const FILLERS: ReadonlySet<string> = wordSet(`
  please pls plz kindly thanks thank thx cheers hi hello hey dear sir madam greetings ok okay well oh um uh hmm alright
  sorry excuse pardon bother disturb regards sincerely
  gladly hope hoping
  just actually really literally basically simply truly indeed quite very pretty honestly essentially exactly
  currently presently now today nowadays
  some any such
  tell explain describe give show let wonder wondering question ask asking
  provide describe clarify share
  way ways possible able possibly maybe perhaps
  quick briefly anyone anybody someone somebody everyone
  appreciate appreciated grateful much lot
  sort kind somehow according steps various
`);

/**
 * Verbs that say little ("I want to know how to make …"): a text asks the same without them, but not with another word in their
 * place.
 */
export const LIGHT_WORDS: ReadonlySet<string> = wordSet(`
  make makes making get gets getting go goes going want wanted wants need needs needed like love help know say try trying think idea ideas
  figure look looks looking
`);
