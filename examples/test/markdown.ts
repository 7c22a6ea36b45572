/** A fenced block of code. */
export interface CodeBlock {
  /** `"ts"`; `""` where the fence names none. */
  readonly language: string;
  /** What stands behind the language: `"run"`. */
  readonly info: string;
  readonly code: string;
  /** Of its fence, from 1. */
  readonly line: number;
  /** What `<!-- given: … -->` right before it says: declarations that the page need not show. */
  readonly given: string;
  /** The block of `text` right behind it, if there is one: what running it prints. */
  readonly output: string | undefined;
}

/** A link or image, as it was written. */
export interface MarkdownLink {
  readonly target: string;
  readonly line: number;
}

/** What a page of Markdown (GitHub's) has that can be checked. */
export interface MarkdownPage {
  readonly blocks: readonly CodeBlock[];
  readonly links: readonly MarkdownLink[];
  /** What `#…` may name. */
  readonly anchors: ReadonlySet<string>;
}

const FENCE = /^(\s*)(`{3,}|~{3,})\s*(\S*)\s*(.*)$/;

export function readMarkdown(text: string): MarkdownPage {
  const lines = text.split("\n");
  const { blocks, prose } = splitCode(lines);
  return { blocks, links: linksIn(prose), anchors: anchorsOf(prose) };
}

/** Blocks of code, and the lines with nothing where code and comments were, so that lines keep their numbers. */
function splitCode(lines: readonly string[]): { readonly blocks: CodeBlock[]; readonly prose: readonly string[] } {
  const blocks: CodeBlock[] = [];
  const prose = withoutComments(lines);
  for (let at = 0; at < lines.length; at++) {
    const [, indent = "", fence, language = "", info = ""] = FENCE.exec(prose[at] as string) ?? [];
    if (fence === undefined) continue;
    const end = lines.findIndex((line, index) => index > at && line.trim() === fence);
    if (end < 0) throw new Error(`The block of code in line ${at + 1} does not end.`);
    const code = lines.slice(at + 1, end).map((line) => line.slice(Math.min(indent.length, line.search(/\S|$/))));
    const previous = blocks.at(-1);
    const between = previous && lines.slice(previous.line + previous.code.split("\n").length, at);
    if (language === "text" && previous && between?.every((line) => line.trim() === ""))
      blocks[blocks.length - 1] = { ...previous, output: `${code.join("\n")}\n` };
    blocks.push({
      language,
      info: info.trim(),
      code: `${code.join("\n")}\n`,
      line: at + 1,
      given: givenBefore(lines, at),
      output: undefined,
    });
    prose.fill("", at, end + 1);
    at = end;
  }
  return { blocks, prose };
}

/** The text of the comment that ends right before a line. */
function givenBefore(lines: readonly string[], at: number): string {
  const before = lines.slice(0, at).join("\n").trimEnd();
  return /<!-- given:((?:(?!-->)[^])*)-->$/.exec(before)?.[1]?.trim() ?? "";
}

function withoutComments(lines: readonly string[]): string[] {
  let inFence: string | undefined;
  let inComment = false;
  return lines.map((line) => {
    const [, , fence] = FENCE.exec(line) ?? [];
    if (!inComment && fence !== undefined)
      inFence = inFence === undefined ? fence : line.trim() === inFence ? undefined : inFence;
    if (inFence !== undefined) return line;
    let kept = "";
    for (let rest = line; rest !== "";) {
      const mark = inComment ? "-->" : "<!--";
      const found = rest.indexOf(mark);
      if (!inComment) kept += found < 0 ? rest : rest.slice(0, found);
      if (found < 0) break;
      inComment = !inComment;
      rest = rest.slice(found + mark.length);
    }
    return kept;
  });
}

const INLINE = /!?\[(?:[^[\]]|\[[^\]]*\])*\]\(\s*(<[^>]*>|[^\s)]*)(?:\s+"[^"]*")?\s*\)/g;
const REFERENCE = /^\s{0,3}\[[^\]]+\]:\s+(\S+)/g;
const ATTRIBUTE = /<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)="([^"]*)"/g;
const CODE_SPAN = /(`+)(?!`)[^]*?[^`]\1(?!`)/g;

function linksIn(prose: readonly string[]): readonly MarkdownLink[] {
  return prose.flatMap((line, index) => {
    // An image inside a link is looked at, too.
    const text = line.replaceAll(CODE_SPAN, "`code`");
    const nested = [...text.matchAll(/\[(!\[[^\]]*\]\([^)]*\))\]/g)].map(([, image = ""]) => image);
    return [text, ...nested].flatMap((each) =>
      [INLINE, REFERENCE, ATTRIBUTE].flatMap((pattern) =>
        [...each.matchAll(pattern)].map(([, target = ""]) => ({
          target: target.replaceAll(/^<|>$/g, ""),
          line: index + 1,
        })),
      ),
    );
  });
}

/** As GitHub makes them: small letters, marks gone, blanks to hyphens; the second of one name has `-1` behind it. */
function anchorsOf(prose: readonly string[]): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of prose.map((line) => /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [])) {
    if (heading === "") continue;
    const shown = heading.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[*`]|<[^>]*>/g, "");
    const slug = shown
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
      .replaceAll(" ", "-");
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  for (const line of prose)
    for (const [, name = ""] of line.matchAll(/<[a-z0-9]+\b[^>]*?\b(?:id|name)="([^"]*)"/g)) anchors.add(name);
  return anchors;
}
