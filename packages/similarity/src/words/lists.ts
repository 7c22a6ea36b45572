/** The words of a text, separated by white space; lines that are empty are nothing. */
export function words(text: string): readonly string[] {
  return text.split(/\s+/u).filter((word) => word !== "");
}

export function wordSet(text: string): ReadonlySet<string> {
  return new Set(words(text));
}

/** One group a line: every word with the numbers of the groups that it is in. */
export function groups(text: string): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const [number, line] of text.split("\n").entries())
    for (const word of words(line)) {
      const numbers = found.get(word);
      if (numbers === undefined) found.set(word, [number]);
      else numbers.push(number);
    }
  return found;
}

/** `a/b` pairs, both ways round; `a/b/c` says that each of the others stands against the first. */
export function opposites(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  const add = (from: string, to: string) => {
    const set = found.get(from);
    if (set === undefined) found.set(from, new Set([to]));
    else set.add(to);
  };
  for (const pair of words(text)) {
    const [first = "", ...others] = pair.split("/");
    for (const other of others) {
      add(first, other);
      add(other, first);
    }
  }
  return found;
}
