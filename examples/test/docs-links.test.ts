import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { readMarkdown, type MarkdownPage } from "./markdown.ts";

const root = join(import.meta.dirname, "../..");
const isForeign = (name: string): boolean =>
  /^(?:node_modules|dist|coverage|\.git|\.turbo|\.cache|\.tmp-.*)$/.test(name);
const paths = globSync(["*.md", "*/**/*.md", ".changeset/*.md"], { cwd: root, exclude: isForeign }).sort();
const pages = new Map<string, MarkdownPage>(
  paths.map((path) => [join(root, path), readMarkdown(readFileSync(join(root, path), "utf8"))]),
);

test("the pages of the repository are found", () => {
  expect(paths).toEqual(expect.arrayContaining(["README.md", "docs/README.md", "packages/core/README.md"]));
});

test.each(paths)("links of %s lead somewhere", (path) => {
  const file = join(root, path);
  const wrong = pages.get(file)?.links.map(({ target, line }) => [line, target, problem(file, target)] as const);
  expect(wrong?.filter(([, , what]) => what !== undefined)).toEqual([]);
});

test("every page in docs/ is named in its index", () => {
  const index = pages.get(join(root, "docs/README.md"));
  const named = index?.links.map(({ target }) => join("docs", target.replace(/#.*/, "")));
  const there = paths.filter((path) => dirname(path) === "docs" && path !== "docs/README.md");
  expect(there.filter((path) => named?.includes(path) !== true)).toEqual([]);
});

/** What is wrong with a link; of addresses elsewhere only the form is looked at. */
function problem(file: string, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return problemOfUrl(target);
  if (target === "") return "is empty";
  if (target.startsWith("/")) return "begins at the root of a server";
  const [path = "", anchor] = decodeURIComponent(target).split("#");
  const goal = path === "" ? file : join(dirname(file), path);
  if (relative(root, goal).startsWith("..")) return "leaves the repository";
  if (!existsSync(goal)) return "is not there";
  if (anchor === undefined) return undefined;
  const page = pages.get(goal);
  if (page === undefined) return "names a place in what is no page";
  return page.anchors.has(anchor) ? undefined : "names no heading of that page";
}

function problemOfUrl(target: string): string | undefined {
  if (!URL.canParse(target)) return "is no URL";
  const { protocol, hostname } = new URL(target);
  if (protocol === "mailto:") return undefined;
  if (protocol === "https:") return hostname.includes(".") ? undefined : "names no host";
  return protocol === "http:" && /^(?:localhost|127\.0\.0\.1)$/.test(hostname) ? undefined : "is not https";
}
