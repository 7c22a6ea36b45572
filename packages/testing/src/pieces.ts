/** Words with the white space before them; long words in parts. */
const DEFAULT_PIECES = /\s*\S{1,8}|\s+$/gu;

/** Cuts a text between code points: half a surrogate pair would not survive the encoding. */
export function cut(text: string, pieces?: number | readonly string[]): string[] {
  if (isList(pieces)) {
    const given = pieces.join("");
    if (!text.startsWith(given)) {
      throw new TypeError("stream.pieces is not the content; leave one of the two out");
    }
    return text === given ? [...pieces] : [...pieces, text.slice(given.length)];
  }
  if (pieces === undefined) return text.match(DEFAULT_PIECES) ?? [];
  if (!Number.isInteger(pieces) || pieces < 1) {
    throw new RangeError(`stream.pieces must be a positive integer or a list, not ${pieces}`);
  }
  const points = Array.from(text);
  const count = Math.min(pieces, points.length);
  return Array.from({ length: count }, (_, part) =>
    points.slice(Math.floor((part * points.length) / count), Math.floor(((part + 1) * points.length) / count)).join(""),
  );
}

export function isList(pieces: number | readonly string[] | undefined): pieces is readonly string[] {
  return typeof pieces === "object";
}
