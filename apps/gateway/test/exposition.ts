/** One sample of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const ESCAPED: Readonly<Record<string, string>> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/**
 * Reads Prometheus's text format, version 0.0.4, as strictly as it does: every line, types before samples, each series once.
 *
 * @throws Error that quotes the line that is none.
 */
export function parseExposition(text: string): readonly Sample[] {
  const samples: Sample[] = [];
  const [types, series] = [new Map<string, string>(), new Set<string>()];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("# HELP ")) continue;
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    if (type !== null) {
      types.set(type[1] as string, type[2] as string);
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    const [, name = "", inner = "", value = ""] = sample ?? [];
    const family = name.replace(/_(bucket|sum|count)$/, "");
    if (sample === null || !(types.has(name) || types.has(family))) throw new Error(`Not of the format: ${line}`);
    if (series.has(`${name}{${inner}`)) throw new Error(`Twice: ${line}`);
    series.add(`${name}{${inner}`);
    samples.push({ name, labels: labelsOf(inner, line), value: value === "+Inf" ? Infinity : Number(value) });
  }
  return samples;
}

function labelsOf(inner: string, line: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  const rest = inner.replace(/([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/g, (_, name: string, value: string) => {
    labels[name] = value.replace(/\\[\\"n]/g, (escaped) => ESCAPED[escaped] as string);
    return "";
  });
  if (rest !== "") throw new Error(`Not of the format: ${line}`);
  return labels;
}
