import { grouped, inWords, task } from "./wording.ts";
import { pick, pickTwo, type Random } from "./random.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Makes two texts that ask the same. `base` makes any text, `fill` fills the places of one. */
type Rewrite = (
  random: Random,
  vocabulary: Vocabulary,
  base: () => string,
  fill: (text: string) => string,
) => readonly [string, string];

const SHORTENED: readonly (readonly [string, string])[] = [
  ["is not", "isn't"],
  ["are not", "aren't"],
  ["do not", "don't"],
  ["does not", "doesn't"],
  ["did not", "didn't"],
  ["cannot", "can't"],
  ["What is", "What's"],
  ["How is", "How's"],
  ["I am", "I'm"],
  ["we are", "we're"],
  ["would not", "wouldn't"],
  ["should not", "shouldn't"],
  ["It is", "It's"],
  ["I have", "I've"],
  ["I will", "I'll"],
];

/** Ways to say the same; each is a kind of its own. */
export const rewritten: Readonly<Record<string, Rewrite>> = {
  courtesy(random, { courtesies }, base) {
    const text = base();
    const [before, after] = pick(random, courtesies);
    const begin =
      before === "" || !/^[A-Z][a-z]* /u.test(text) || text.startsWith("I ") || /[.!?] $/u.test(before)
        ? text
        : lowerFirst(text);
    const stop = after !== "" && !/[.?!]$/u.test(text) ? "." : "";
    return [text, `${before}${begin}${stop}${after}`];
  },
  rewording(random, vocabulary, _base, fill) {
    const [first, second] = pickTwo(random, random() < 0.5 ? vocabulary.asking : pick(random, vocabulary.rephrased));
    // Filled as one text, so that both speak of the same.
    const values = new Map<string, string>([
      ["~", task(random, vocabulary)],
      ["@", pick(random, vocabulary.people)],
      ["{concept}", pick(random, vocabulary.concepts)],
    ]);
    for (const slot of ["{thing}", "{topic}", "{city}", "{product}"]) values.set(slot, fill(slot));
    const write = (text: string) => {
      const written = text.replace(/[~@]|\{\w+\}/gu, (slot) => values.get(slot) ?? slot);
      return written.charAt(0).toUpperCase() + written.slice(1);
    };
    return [write(first), write(second)];
  },
  contraction(random, { contractible }, _base, fill) {
    const text = fill(pick(random, contractible));
    return [
      text,
      SHORTENED.reduce(
        (short, [long, contracted]) =>
          short
            .replace(new RegExp(`\\b${long}\\b(?!')`, "u"), contracted)
            .replace(new RegExp(`\\b${lowerFirst(long)}\\b(?!')`, "u"), lowerFirst(contracted)),
        text,
      ),
    ];
  },
  surface(random, _vocabulary, base) {
    const text = base();
    const changes = [
      () => text.toLowerCase(),
      () => text.replace(/[?.!]$/u, ""),
      () => `${text.replace(/[?.!]$/u, "")}??`,
      () => text.toUpperCase(),
      () => text.replace(/ /gu, "  "),
      () => text.replaceAll(",", ""),
      () => `${text}\n`,
      () => text.replaceAll("'", "’"),
    ];
    return [text, pick(random, changes)()];
  },
  typo(random, _vocabulary, base) {
    const text = base();
    const places = [...text.matchAll(/\b[a-z]{6,}\b/gu)];
    if (places.length === 0) return [text, text];
    const { 0: word, index } = pick(random, places);
    return [text, text.slice(0, index) + misspelt(random, word) + text.slice(index + word.length)];
  },
  fronting(random, { tasks, settings, asking }) {
    const what = pick(random, tasks);
    const setting = pick(random, settings);
    const question = pick(
      random,
      asking.filter((text) => text.endsWith("?")),
    );
    return [
      question.replace("~", `${what} ${setting}`),
      `${setting[0]?.toUpperCase()}${setting.slice(1)}, ${lowerFirst(question.replace("~", what))}`,
    ];
  },
  numeral(random, vocabulary, _base, fill) {
    const text = fill(pick(random, vocabulary.counted));
    const small = 2 + Math.floor(random() * 97);
    const large = 1000 + Math.floor(random() * 900_000);
    const [first, second] = pick(random, [
      [String(small), inWords(small)],
      [String(large), grouped(large)],
      [`${small} thousand`, `${small}000`],
      [`${inWords(small)} million`, `${small},000,000`],
    ] as const);
    return [text.replace("#", first), text.replace("#", second)];
  },
};

function lowerFirst(text: string): string {
  return text.startsWith("I ") || text.startsWith("I'") ? text : text.charAt(0).toLowerCase() + text.slice(1);
}

/** One slip: two letters exchanged, one forgotten, one doubled, or one hit beside its key. */
function misspelt(random: Random, word: string): string {
  const at = 1 + Math.floor(random() * (word.length - 2));
  const letter = word[at] as string;
  const slips = [
    `${word.slice(0, at)}${word[at + 1]}${letter}${word.slice(at + 2)}`,
    word.slice(0, at) + word.slice(at + 1),
    word.slice(0, at) + letter + word.slice(at),
    word.slice(0, at) + pick(random, "aeiourst".split("")) + word.slice(at + 1),
  ];
  return pick(random, slips);
}
