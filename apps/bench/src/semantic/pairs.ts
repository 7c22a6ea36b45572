import { readFileSync } from "node:fs";
import type { LabelledPair } from "@llmcache/similarity";
import { DEVELOPMENT } from "./development-half.ts";
import { pick, pickTwo, seeded, type Random } from "./random.ts";
import { REPORTED } from "./reported-half.ts";
import { grouped, inWords, task } from "./wording.ts";
import { rewritten } from "./rewriting.ts";
import type { Vocabulary } from "./vocabulary.ts";

export type Half = "development" | "reported";

/** A pair that is only asked whether it is alike; `same` says whether one answer serves both. */
export type Pair = LabelledPair & { readonly kind: string };

interface WordPairs {
  readonly antonyms: Readonly<Record<Slot, readonly (readonly [string, string])[]>>;
  readonly synonyms: Readonly<Record<Slot, readonly (readonly [string, string])[]>>;
}
type Slot = "adjective" | "verb" | "noun";
const SLOTS: readonly Slot[] = ["adjective", "verb", "noun"];
const SENTENCES = { adjective: "adjectives", verb: "actions", noun: "nouns" } as const;
const DATA = new URL("../../data/", import.meta.url);
const WORDS = JSON.parse(readFileSync(new URL("wordnet-pairs.json", DATA), "utf8")) as WordPairs;
const SEEDS: Readonly<Record<Half, number>> = { development: 7, reported: 2026 };

/** The 392 pairs of similar-prompts.jsonl; their kinds carry a prefix. */
export function sharedPairs(): readonly Pair[] {
  const lines = readFileSync(new URL("similar-prompts.jsonl", DATA), "utf8").trim().split("\n");
  return lines.map((line) => {
    const { a, b, same, kind } = JSON.parse(line) as Pair;
    return { a, b, same, kind };
  });
}

/** Pairs by general rules, the same ones every time; the halves share neither sentences nor words that matter. */
export function generatedPairs(half: Half, each: number = 1000): readonly Pair[] {
  const random = seeded(SEEDS[half]);
  const vocabulary = half === "reported" ? REPORTED : DEVELOPMENT;
  const words = wordsOf(half);
  const pairs: Pair[] = [];
  const seen = new Set<string>();
  const collect = (kind: string, same: boolean, count: number, make: () => readonly [string, string]) => {
    let got = 0;
    for (let tries = 0; got < count && tries < count * 40; tries += 1) {
      const [a, b] = make();
      const id = `${a}\n${b}`;
      if (a === b || seen.has(id)) continue;
      seen.add(id);
      pairs.push({ a, b, same, kind });
      got += 1;
    }
  };
  const minor = Math.ceil(each / 6);
  const fill = (text: string) => filled(random, vocabulary, text);
  const word = (list: WordPairs["antonyms"]) => {
    const slot = pick(random, SLOTS);
    const [first, second] = pick(random, list[slot]);
    const sentence = fill(pick(random, vocabulary[SENTENCES[slot]]));
    return [put(sentence, first), put(sentence, second)] as const;
  };
  collect("number", false, each, () => numbers(random, vocabulary));
  collect("negation", false, each, () => shuffled(random, denied(random, vocabulary)));
  collect("antonym", false, each, () => shuffled(random, word(words.antonyms)));
  collect("entity", false, each, () => names(random, vocabulary));
  const exchanged = (list: readonly string[], [first, second]: readonly [string, string]) => {
    const text = fill(pick(random, list));
    return [text.replace("*", first), text.replace("*", second)] as const;
  };
  collect("unit", false, minor, () => exchanged(vocabulary.inUnits, shuffled(random, pick(random, vocabulary.units))));
  collect("format", false, minor, () =>
    exchanged(vocabulary.inFormats, shuffled(random, pick(random, vocabulary.formats))),
  );
  collect("language", false, minor, () => exchanged(vocabulary.inLanguages, pickTwo(random, vocabulary.languages)));
  collect("question", false, minor, () =>
    exchanged(vocabulary.asked, pickTwo(random, ["Who", "When", "Where", "Why", "How"])),
  );
  collect("order", false, minor, () => {
    const [first, second] = pickTwo(random, random() < 0.5 ? vocabulary.cities : vocabulary.products);
    const sentence = pick(random, vocabulary.ordered);
    return [sentence.replace("*", first).replace("+", second), sentence.replace("*", second).replace("+", first)];
  });
  collect("voice", false, minor, () => {
    const [first, second] = pickTwo(random, vocabulary.people);
    const [plain, past, participle] = pick(random, vocabulary.verbs);
    const write = (text: string) =>
      text
        .replace("*", first)
        .replace("+", second)
        .replace("{plain}", plain)
        .replace("{past}", past)
        .replace("{participle}", participle);
    const [active, passive] = pick(random, vocabulary.voiced);
    return [write(active), write(passive)];
  });
  collect("person", false, minor, () =>
    random() < 0.5
      ? exchanged(vocabulary.possessed, pickTwo(random, ["his", "her", "my", "your"]))
      : exchanged(vocabulary.objects, pickTwo(random, ["him", "her", "them"])),
  );
  collect("time", false, minor, () =>
    exchanged(
      vocabulary.timed,
      pickTwo(random, [...vocabulary.months.map((month) => `in ${month}`), ...vocabulary.days]),
    ),
  );
  collect("scope", false, minor, () => {
    const text = fill(pick(random, vocabulary.scoped));
    return [put(text, pick(random, vocabulary.qualifiers)), text.replace("* ", "")];
  });
  collect("unrelated", false, each, () => {
    const [first, second] = pickTwo(random, [
      vocabulary.counted,
      vocabulary.named,
      vocabulary.nouns,
      vocabulary.actions,
    ]);
    const make = (list: readonly string[]) =>
      put(
        fill(pick(random, list))
          .replace("@", pick(random, vocabulary.people))
          .replaceAll("#", String(2 + Math.floor(random() * 90))),
        pick(random, vocabulary.topics),
      );
    return [make(first), make(second)];
  });
  const base = () => {
    const kinds = [
      () => pick(random, vocabulary.asking).replace("~", task(random, vocabulary)),
      () => fill(pick(random, vocabulary.named)).replace("@", pick(random, vocabulary.people)),
      () => fill(pick(random, vocabulary.counted)).replace("#", String(2 + Math.floor(random() * 900))),
      () => fill(pick(random, vocabulary.denied)[random() < 0.5 ? 0 : 1]),
    ];
    return pick(random, kinds)();
  };
  const major = Math.ceil(each / 4);
  for (const [kind, rewrite] of Object.entries(rewritten))
    collect(kind, true, major, () => rewrite(random, vocabulary, base, (text) => fill(text)));
  collect("synonym", true, major, () => shuffled(random, word(words.synonyms)));
  return pairs;
}

/** One of five pairs of words is developed with, the others are reported: those that share no word with a pair of the first. */
function wordsOf(half: Half): WordPairs {
  const take = (lists: WordPairs["antonyms"]) => {
    const part = (list: readonly (readonly [string, string])[]) => {
      const looked = list.filter((_, index) => index % 5 === 0);
      if (half === "development") return looked;
      const known = new Set(looked.flat());
      return list.filter((pair) => !pair.some((word) => known.has(word)));
    };
    return { adjective: part(lists.adjective), verb: part(lists.verb), noun: part(lists.noun) };
  };
  return { antonyms: take(WORDS.antonyms), synonyms: take(WORDS.synonyms) };
}

/** A word in its sentence, with the article that it takes. */
function put(sentence: string, word: string): string {
  return sentence.replace(/\ba \*/u, /^[aeiou]/u.test(word) ? "an *" : "a *").replace("*", word);
}

function shuffled<T>(random: Random, [first, second]: readonly [T, T]): readonly [T, T] {
  return random() < 0.5 ? [first, second] : [second, first];
}

function filled(random: Random, vocabulary: Vocabulary, text: string): string {
  return text.replace(/\{(thing|topic|city|product|place|n)\}/gu, (_, slot: string) => {
    switch (slot) {
      case "thing":
        return pick(random, vocabulary.things);
      case "topic":
        return pick(random, vocabulary.topics);
      case "city":
        return pick(random, vocabulary.cities);
      case "product":
        return pick(random, vocabulary.products);
      case "place":
        return pick(random, vocabulary.places);
      default:
        return String(2 + Math.floor(random() * 98));
    }
  });
}

function numbers(random: Random, vocabulary: Vocabulary): readonly [string, string] {
  if (random() < 0.2) {
    const text = filled(random, vocabulary, pick(random, vocabulary.measured));
    const [first, second] = pickTwo(random, [2, 3, 7, 12, 15, 40, 64, 99, 120, 365, 1000]);
    return [
      text.replace("#", String(first)).replace("%", String(second)),
      text.replace("#", String(second)).replace("%", String(first)),
    ];
  }
  const text = filled(random, vocabulary, pick(random, vocabulary.counted));
  const small = 2 + Math.floor(random() * 97);
  const large = 1000 + Math.floor(random() * 90_000);
  const changes: readonly (readonly [string, string])[] = [
    [String(small), String(small + 1)],
    [String(small), String(small * 10)],
    [String(large), String(large + 10 ** Math.floor(random() * 4))],
    [grouped(large), grouped(large * 10)],
    [inWords(small), inWords((small + 7) % 100)],
    [inWords(small), String(small + 10)],
    [`${small}.5`, `${small}.25`],
    [`${small}.5`, String(small)],
    [`${small} thousand`, `${small} hundred`],
    [grouped(large), String(large + 1)],
    [`${small}k`, `${small}`],
    [String(1900 + small), String(2000 + small)],
    [`1${small}`, `${small}1`],
    [`-${small}`, String(small)],
  ];
  const [first, second] = shuffled(random, pick(random, changes));
  return [text.replace("#", first), text.replace("#", second)];
}

function denied(random: Random, vocabulary: Vocabulary): readonly [string, string] {
  const [plain, negated] = pick(random, vocabulary.denied);
  const values = new Map(
    ["thing", "topic", "city", "product"].map((slot) => [slot, filled(random, vocabulary, `{${slot}}`)]),
  );
  const write = (text: string) => text.replace(/\{(\w+)\}/gu, (_, slot: string) => values.get(slot) as string);
  return [write(plain), write(negated)];
}

function names(random: Random, vocabulary: Vocabulary): readonly [string, string] {
  if (random() < 0.5) {
    const text = filled(random, vocabulary, pick(random, vocabulary.named));
    const [first, second] = pickTwo(random, vocabulary.people);
    return [text.replaceAll("@", first), text.replaceAll("@", second)];
  }
  const slot = random() < 0.5 ? "city" : "product";
  const sentences = [...vocabulary.counted, ...vocabulary.denied.map(([plain]) => plain)].filter((text) =>
    text.includes(`{${slot}}`),
  );
  const [first, second] = pickTwo(random, slot === "city" ? vocabulary.cities : vocabulary.products);
  const text = filled(random, vocabulary, pick(random, sentences).replace(`{${slot}}`, "@").replace("#", "12"));
  return [text.replace("@", first), text.replace("@", second)];
}
