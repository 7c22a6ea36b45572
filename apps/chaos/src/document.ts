import { readFileSync, writeFileSync } from "node:fs";

/** Puts `content` between the two comments of that name in a Markdown file, in the place of what is there. */
export function rewrite(file: string, name: string, content: string): void {
  writeFileSync(file, rewritten(readFileSync(file, "utf8"), name, content));
}

/** The same for a text. */
export function rewritten(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The document lacks the comments ${begin} and ${end}.`);
  return `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`;
}
