/**
 * What the sentences of one half are made of. The two halves share neither sentences nor words in the places that matter: a rule that was
 * looked at with one half is measured with the other.
 */
export interface Vocabulary {
  readonly people: readonly string[];
  readonly cities: readonly string[];
  readonly products: readonly string[];
  readonly things: readonly string[];
  readonly topics: readonly string[];
  readonly places: readonly string[];
  /** What one asks how to do. */
  readonly tasks: readonly string[];
  /** Parts with which a task may begin or end. */
  readonly settings: readonly string[];
  readonly units: readonly (readonly [string, string])[];
  readonly formats: readonly (readonly [string, string])[];
  readonly languages: readonly string[];
  readonly months: readonly string[];
  readonly qualifiers: readonly string[];
  readonly verbs: readonly (readonly [plain: string, past: string, participle: string])[];
  /** Sentences with one number, `#`. */
  readonly counted: readonly string[];
  /** Sentences with two numbers, `#` and `%`, whose order matters. */
  readonly measured: readonly string[];
  /** Sentences that say something, and deny it: `{thing}`, `{topic}`, `{city}`, `{product}` are filled alike. */
  readonly denied: readonly (readonly [string, string])[];
  /** Sentences with a name, `@`. */
  readonly named: readonly string[];
  /** Sentences with a word of each kind, `*`, to be exchanged for its opposite or its synonym. */
  readonly adjectives: readonly string[];
  readonly actions: readonly string[];
  readonly nouns: readonly string[];
  /** Ways to ask how to do `~` that are the same question. */
  readonly asking: readonly string[];
  /** Groups of sentences that ask the same when filled alike: the places of the others, `{concept}`, `@`, `~`. */
  readonly rephrased: readonly (readonly string[])[];
  readonly courtesies: readonly (readonly [before: string, after: string])[];
  /** Sentences with something that can be contracted. */
  readonly contractible: readonly string[];
  /** What may be asked about; in the singular. */
  readonly concepts: readonly string[];
  /** Times beside the months. */
  readonly days: readonly string[];
  /** What a unit, a format, a language, a word of asking, a time or a qualifier is put into, at `*`. */
  readonly inUnits: readonly string[];
  readonly inFormats: readonly string[];
  readonly inLanguages: readonly string[];
  readonly asked: readonly string[];
  readonly timed: readonly string[];
  readonly scoped: readonly string[];
  /** Sentences about two, `*` and `+`, whose roles differ. */
  readonly ordered: readonly string[];
  /** Sentences about `*` and `+` and what one does to the other, active and passive. */
  readonly voiced: readonly (readonly [active: string, passive: string])[];
  /** Sentences with a person, `*`: whose something is, and to whom something is done. */
  readonly possessed: readonly string[];
  readonly objects: readonly string[];
}

/** The parts of a text between commas. */
export const words = (text: string): readonly string[] => text.split(",").map((word) => word.trim());
