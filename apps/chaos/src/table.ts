import type { Figures } from "./figures.ts";
import type { Report } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import type { StampedeReport } from "./stampede.ts";

/** A scenario and how it went. */
export interface Row {
  readonly scenario: Scenario;
  readonly report: Report;
  /** Promises that were broken. */
  readonly problems: readonly string[];
}

/** A run of many processes and how it went. */
export interface StampedeRow {
  readonly leaseMs: number | undefined;
  readonly report: StampedeReport;
}

const HEADINGS = ["fault", "what callers get", "added latency: p50 / p99 / most", "recovers within", "events"];

/** Markdown, one line for each fault. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ scenario, report, problems }) => [
    scenario.name,
    problems.length === 0 ? answersOf(report.during) : `BROKEN: ${problems.join("; ")}`,
    latencyOf(report.during),
    recoveryOf(scenario, report),
    eventsOf(report),
  ]);
  return markdown(HEADINGS, lines);
}

/** The same for {@link StampedeRow}s. */
export function stampedeTable(rows: readonly StampedeRow[]): string {
  const number = (value: number): string => value.toLocaleString("en");
  return markdown(
    ["", "calls", "expiries", "provider calls", "allowed at most", "memory grew by, at most"],
    rows.map(({ leaseMs, report: { calls, expiries, providerCalls, allowed, grownBytes } }) => [
      leaseMs === undefined ? "without leases" : `\`leaseMs: ${leaseMs}\``,
      ...[calls, expiries, providerCalls, allowed].map(number),
      `${number(Math.max(0, Math.round(grownBytes / 1024)))} KiB`,
    ]),
  );
}

function markdown(headings: readonly string[], lines: readonly (readonly string[])[]): string {
  return [headings, headings.map(() => "---"), ...lines]
    .map((cells) => `| ${cells.map(escaped).join(" | ")} |`)
    .join("\n");
}

function answersOf({ calls, hits, joined, thrown }: Figures): string {
  const [hit, shared] = [hits, joined].map((count) => Math.round((100 * count) / Math.max(1, calls))) as [
    number,
    number,
  ];
  const errors = thrown === 0 ? "" : `, ${thrown} errors`;
  return `${hit} % hits, ${shared} % shared, ${100 - hit - shared} % asked${errors}`;
}

function latencyOf({ addedMs: { p50, p99, max } }: Figures): string {
  return [p50, p99, max].map(duration).join(" / ");
}

function recoveryOf({ expected }: Scenario, { recoveredMs }: Report): string {
  if (recoveredMs === undefined) return "not at all";
  return expected.healsItself === true ? `${duration(recoveredMs)} after its beginning` : duration(recoveredMs);
}

/** What a store tells of itself first. */
function eventsOf({ events }: Report): string {
  const told = Object.entries(events).sort(([a], [b]) => Number(a.endsWith("failed")) - Number(b.endsWith("failed")));
  if (told.length === 0) return "none: nothing failed";
  return told.map(([label, count]) => (count === 1 ? label : `${count.toLocaleString("en")} × ${label}`)).join(", ");
}

function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

function escaped(cell: string): string {
  return cell.replaceAll("|", "\\|");
}
