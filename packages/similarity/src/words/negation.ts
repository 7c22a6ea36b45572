import { wordSet } from "./lists.ts";

/** Each turns what follows into its opposite. */
export const NEGATORS: ReadonlySet<string> = wordSet(`
  not never no none nobody nothing nowhere neither nor without except excluding exclude avoid avoiding cannot hardly barely unable
  lack lacking lacks omit omitting ignore ignoring refuse refuses fail fails failed unless besides non minus prevent preventing
  nicht kein keine keinen keiner keinem keines nie niemals ohne ne pas jamais sans aucun aucune nunca jamás ninguno ninguna sem
  não nao nem nenhum nenhuma mai senza nessun nessuno niet geen nooit zonder не нет без никогда ни nie bez nigdy ikke inte utan
  不 没 沒 無 无 未 非 别 別 勿 لا ليس لم لن بدون नहीं मत बिना 안 못 없이 değil yok
`);

/** Words of other languages among the negators that are English words too. */
export const NOT_IN_ENGLISH: ReadonlySet<string> = wordSet(`mai ne pas sans sem nie bez inte utan nem ni`);

/** A verb in -ing after these is what is not to happen. */
export const STOPPING: ReadonlySet<string> = wordSet(`stop quit stopping quitting`);

/** Not, in front of a word. */
export const NEGATIVE_PREFIXES: readonly string[] = [
  "un",
  "in",
  "im",
  "il",
  "ir",
  "dis",
  "non",
  "mis",
  "de",
  "anti",
  "a",
];
