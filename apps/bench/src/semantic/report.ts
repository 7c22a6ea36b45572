import {
  areaUnderCurve,
  byKind,
  pointAt,
  thresholdFor,
  type Calibration,
  type Judged,
  type OperatingPoint,
} from "@llmcache/similarity";

const RATES = [0.01, 0.05];

/** What an embedder does with one set of pairs: with the guard and with similarity alone, then by kind at the calibrated threshold. */
export function report(title: string, judged: readonly Judged[], calibration: Calibration): string {
  const bare = judged.map((pair) => ({ ...pair, refusedBy: undefined }));
  const negatives = judged.filter(({ same }) => !same).length;
  const lines = [`${title}: ${judged.length - negatives} pairs that are the same, ${negatives} that are not`];
  lines.push(
    `  ${"".padEnd(16)} ${"AUC".padStart(6)}  ${RATES.map((rate) => `hits at ${rate * 100} % false hits (threshold)`.padStart(40)).join("")}`,
  );
  const rates = new Map<string, readonly number[]>();
  for (const [name, pairs] of [
    ["similarity alone", bare],
    ["with the guard", judged],
  ] as const) {
    const points = RATES.map((rate) => atRate(pairs, rate));
    rates.set(
      name,
      points.map((point) => point?.hits.rate ?? 0),
    );
    lines.push(
      `  ${name.padEnd(16)} ${areaUnderCurve(pairs).toFixed(3).padStart(6)}  ${points.map((point) => (point === undefined ? "0.0 % (none)" : `${percent(point.hits.rate)} (${point.threshold.toFixed(3)})`).padStart(40)).join("")}`,
    );
  }
  const [alone, guarded] = [rates.get("similarity alone")?.[0] ?? 0, rates.get("with the guard")?.[0] ?? 0];
  lines.push(
    `  hit rate at 1 % false hits: ${alone === 0 ? "from nothing" : `${(guarded / alone).toFixed(1)}×`}   target 2× ${guarded >= 2 * alone && guarded > 0 ? "met" : "MISSED"}`,
  );
  const { threshold } = calibration;
  const at = pointAt(judged, threshold);
  lines.push(
    `  at the threshold calibrated for 1 % on the development half, ${threshold.toFixed(3)} (${calibration.interval.map((end) => end.toFixed(3)).join(" – ")}):`,
    `    hits ${percent(at.hits.rate)}, false hits ${percent(at.falseHits.rate)} (≤ ${percent(at.falseHits.high)}); without the guard false hits ${percent(pointAt(bare, threshold).falseHits.rate)}`,
  );
  for (const fixed of [0.7, 0.8, 0.9, 0.95]) {
    const [guardedPoint, barePoint] = [pointAt(judged, fixed), pointAt(bare, fixed)];
    lines.push(
      `    at ${fixed.toFixed(2)}: hits ${percent(guardedPoint.hits.rate)}, false hits ${percent(guardedPoint.falseHits.rate)} (≤ ${percent(guardedPoint.falseHits.high)}); alone ${percent(barePoint.hits.rate)}, ${percent(barePoint.falseHits.rate)}`,
    );
  }
  const kinds = byKind(judged, threshold);
  const alike = new Map(byKind(bare, threshold).map(({ kind, same, served }) => [`${same} ${kind}`, served]));
  lines.push(
    `    ${"not the same".padEnd(14)} ${"pairs".padStart(6)} ${"alone".padStart(8)} ${"guarded".padStart(8)} ${"≤ (95 %)".padStart(9)}`,
  );
  for (const { kind, served } of kinds.filter(({ same }) => !same))
    lines.push(
      `    ${kind.padEnd(14)} ${String(served.of).padStart(6)} ${percent(alike.get(`false ${kind}`)?.rate ?? 0).padStart(8)} ${percent(served.rate).padStart(8)} ${percent(served.high).padStart(9)}${target(kind, served.rate)}`,
    );
  lines.push(
    `    ${"the same".padEnd(14)} ${"pairs".padStart(6)} ${"alone".padStart(8)} ${"guarded".padStart(8)} ${"refused by the guard".padStart(22)}`,
  );
  for (const { kind, served, refusedByGuard } of kinds.filter(({ same }) => same))
    lines.push(
      `    ${kind.padEnd(14)} ${String(served.of).padStart(6)} ${percent(alike.get(`true ${kind}`)?.rate ?? 0).padStart(8)} ${percent(served.rate).padStart(8)} ${percent(refusedByGuard.rate).padStart(22)}`,
    );
  return lines.join("\n");
}

function atRate(pairs: readonly Judged[], rate: number): OperatingPoint | undefined {
  const negatives = pairs.filter(({ same }) => !same).length;
  const threshold = thresholdFor(pairs, Math.floor(rate * negatives));
  return threshold === undefined ? undefined : pointAt(pairs, threshold);
}

/** The aims that the project set itself. */
function target(kind: string, rate: number): string {
  if (!["number", "negation", "antonym"].includes(kind)) return "";
  return `   target 1 % ${rate <= 0.01 ? "met" : "MISSED"}`;
}

function percent(rate: number): string {
  return `${(rate * 100).toFixed(1)} %`;
}
