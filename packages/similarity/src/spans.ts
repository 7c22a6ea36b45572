/** A text without its quotations, links and code, and those by themselves. */
export interface Spans {
  /** What is left; the words of a short quotation are still in it. */
  readonly text: string;
  readonly quotations: readonly string[];
  /** URLs, mail addresses, paths. */
  readonly links: readonly string[];
}

const CLOSING: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["“", "”"],
  ["„", "“"],
  ["«", "»"],
  ["「", "」"],
  ["『", "』"],
  ["《", "》"],
  ["`", "`"],
  ["'", "'"],
  ["‘", "’"],
]);
const WORD = /[\p{L}\p{N}]/u;

/** Reads once from left to right; an opening mark without its closing one is an ordinary character. */
export function spansOf(text: string): Spans {
  const quotations: string[] = [];
  const kept: string[] = [];
  /** Where the search for a closing mark has failed, it need not be tried again. */
  const open = new Set<string>();
  let from = 0;
  let index = 0;
  while (index < text.length) {
    const mark = text[index] as string;
    const closing = CLOSING.get(mark);
    if (closing === undefined || open.has(mark)) {
      index += 1;
      continue;
    }
    const fence = text.startsWith("```", index) ? "```" : undefined;
    const width = fence === undefined ? 1 : 3;
    const single = mark === "'" || mark === "‘";
    if (single && index > 0 && WORD.test(text[index - 1] as string)) {
      index += 1;
      continue;
    }
    const end = endOf(text, index + width, fence ?? closing, single);
    if (end < 0) {
      if (fence === undefined) open.add(mark);
      index += width;
      continue;
    }
    const inside = text.slice(index + width, end);
    kept.push(text.slice(from, index), " ");
    if (mark !== "`") kept.push(inside, " ");
    quotations.push(mark === "`" ? inside : inside.trim().replace(/\s+/gu, " "));
    index = end + width;
    from = index;
  }
  kept.push(text.slice(from));
  const links: string[] = [];
  const rest = kept
    .join("")
    .split(/\s+/u)
    .filter((chunk) => {
      const link = linkOf(chunk);
      if (link !== undefined) links.push(link);
      return link === undefined;
    });
  return { text: rest.join(" "), quotations: quotations.filter((inside) => inside !== ""), links };
}

/** A single closing quote stands at the end of a word; in `it's` it is an apostrophe. */
function endOf(text: string, from: number, closing: string, single: boolean): number {
  let end = text.indexOf(closing, from);
  if (!single) return end;
  while (end >= 0 && end + 1 < text.length && WORD.test(text[end + 1] as string)) end = text.indexOf(closing, end + 1);
  return end;
}

function linkOf(chunk: string): string | undefined {
  if (chunk.length < 4) return undefined;
  const at = chunk.indexOf("@");
  const isLink =
    chunk.includes("://") ||
    chunk.startsWith("www.") ||
    (at > 0 && chunk.includes(".", at)) ||
    /^(?:~?\/|\.{1,2}\/|[a-z]:\\)/iu.test(chunk);
  return isLink ? chunk.replace(/[.,;:!?)\]]+$/u, "") : undefined;
}
