import type { Table } from "./table.ts";

/** For a terminal. */
export function plainText({ title, columns, rows, notes = [] }: Table): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, at) => Math.max(...lines.map((cells) => (cells[at] ?? "").length)));
  const isNumeric = columns.map((_, at) => rows.every((cells) => /^[\d.,]*$/u.test(cells[at] ?? "")));
  const text = lines.map((cells) =>
    cells
      .map((cell, at) => (isNumeric[at] === true ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join("  ")
      .trimEnd(),
  );
  return [title, ...text.map((line) => `  ${line}`), ...notes.map((note) => `  (${note})`), ""].join("\n");
}

/** For a document. */
export function markdown({ title, columns, rows, notes = [] }: Table): string {
  const isNumeric = columns.map((_, at) => rows.every((cells) => /^[\d.,]*$/u.test(cells[at] ?? "")));
  const lines = [columns, columns.map((_, at) => (isNumeric[at] === true ? "---:" : "---")), ...rows];
  return [`### ${title}`, lines.map((cells) => `| ${cells.map(escaped).join(" | ")} |`).join("\n"), ...notes].join(
    "\n\n",
  );
}

export function escaped(cell: string): string {
  return cell.replaceAll("|", "\\|");
}
