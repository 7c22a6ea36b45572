import type { Bar } from "./table.ts";

const WIDTH = 720;
const LABELS = 290;
const VALUES = 70;
const ROW = 24;
const HEAD = 56;
const FOOT = 34;
const BAR = 14;

/** Colours that can be read on white and on black, where the reader's setting is not known to the image. */
const FILL = { ours: "#1f9d55", copies: "#5b7fb8", shared: "#9aa0a6" };

/** Bars of µs a hit, shortest first, on a logarithmic scale: stores differ by powers of ten. */
export function chart(bars: readonly Bar[]): string {
  const sorted = bars.toSorted((a, b) => a.microseconds - b.microseconds);
  const largest = Math.max(...bars.map(({ microseconds }) => microseconds));
  const room = WIDTH - LABELS - VALUES;
  const length = (microseconds: number): number =>
    Math.max(2, (room * Math.log10(1 + microseconds)) / Math.log10(1 + largest));
  const rows = sorted.map(({ name, microseconds, kind }, at) => {
    const y = HEAD + at * ROW;
    const width = length(microseconds).toFixed(1);
    const figure = microseconds < 100 ? microseconds.toFixed(1) : Math.round(microseconds).toString();
    return [
      `<text x="${LABELS - 8}" y="${y + 12}" text-anchor="end"${kind === "ours" ? ' font-weight="600"' : ""}>${escaped(name)}</text>`,
      `<rect x="${LABELS}" y="${y + 1}" width="${width}" height="${BAR}" rx="2" fill="${FILL[kind]}"/>`,
      `<text x="${(LABELS + Number(width) + 6).toFixed(1)}" y="${y + 12}">${figure}</text>`,
    ].join("");
  });
  const height = HEAD + sorted.length * ROW + FOOT;
  const legend = [
    { kind: "ours", text: "llmcache", x: LABELS },
    { kind: "copies", text: "peer, a copy for each hit", x: LABELS + 84 },
    { kind: "shared", text: "peer, one object for all", x: LABELS + 256 },
  ] as const;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Microseconds per hit">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.quiet { fill: #57606a }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .quiet { fill: #9198a1 } }
</style>
<text x="${LABELS}" y="18" font-weight="600">µs per hit, 4 kB in, 4 kB out (logarithmic; shorter is better)</text>
${legend.map(({ kind, text, x }) => `<rect x="${x}" y="30" width="10" height="10" rx="2" fill="${FILL[kind]}"/><text class="quiet" x="${x + 15}" y="39">${text}</text>`).join("\n")}
${rows.join("\n")}
<text class="quiet" x="${LABELS}" y="${height - 12}">One run of npm run bench; see apps/bench/RESULTS.md</text>
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
