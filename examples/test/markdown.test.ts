import { expect, test } from "vitest";
import { readMarkdown } from "./markdown.ts";

const PAGE = `# A \`title\`, with *marks*

See [one](one.md#a-b), [two][2] and ![three](three.svg); [![four](four.svg)](<five.md> "title").
Not \`[code](none.md)\`, <!-- [hidden](none.md) --> nor this: <a href="six.md" id="here">six</a>.

[2]: https://example.com/two

<!-- given:
declare const x: number;
-->

\`\`\`ts run
# [no heading](none.md)
console.log(x);
\`\`\`

\`\`\`text
1
\`\`\`

## Same

## Same
`;

test("links and images are found, with their lines, and none in code or comments", () => {
  expect(
    readMarkdown(PAGE)
      .links.map(({ target, line }) => `${line} ${target}`)
      .sort(),
  ).toEqual(["3 five.md", "3 four.svg", "3 one.md#a-b", "3 three.svg", "4 six.md", "6 https://example.com/two"]);
});

test("anchors are GitHub's", () => {
  expect([...readMarkdown(PAGE).anchors]).toEqual(["a-title-with-marks", "same", "same-1", "here"]);
});

test("a block knows its language, what is given to it, and what it prints", () => {
  const [code, output] = readMarkdown(PAGE).blocks;
  expect(code).toEqual({
    language: "ts",
    info: "run",
    code: "# [no heading](none.md)\nconsole.log(x);\n",
    line: 12,
    given: "declare const x: number;",
    output: "1\n",
  });
  expect(output).toMatchObject({ language: "text", given: "", output: undefined });
});

test("a block that does not end is an error", () => {
  expect(() => readMarkdown("text\n```ts\nconst x = 1;\n")).toThrow("line 2");
});
