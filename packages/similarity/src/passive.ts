import type { Reading } from "./reading.ts";

const BE = new Set(["is", "are", "was", "were", "be", "been", "being", "get", "got", "gets"]);
const PARTICIPLE = /(?:ed|en|wn|ught|old|ade|aught|own|ung|unk|ept|elt|eft|ost|ent|it|ut|et|ood|rt|ade|one|een)$/u;

/** Does the text say what is done by somebody: a form of "be", a participle, "by"? */
export function passiveIn({ tokens }: Reading): boolean {
  const by = tokens.findIndex(({ lower }, index) => index > 1 && lower === "by");
  if (by < 0) return false;
  const before = tokens.slice(Math.max(0, by - 6), by);
  return (
    before.some(({ lower }) => BE.has(lower)) && before.some(({ lower }) => lower.length > 2 && PARTICIPLE.test(lower))
  );
}
