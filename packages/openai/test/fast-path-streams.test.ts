import OpenAI from "openai";
import { Stream } from "openai/core/streaming";
import { describe, expect, test } from "vitest";
import { AlikeTexts, UNLIKE } from "../src/alike-texts.ts";
import { END, EventValues, OTHER } from "../src/event-values.ts";
import { hitStream } from "../src/hit-stream.ts";
import { dice, type Dice } from "../../fetch/test/dice.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const STREAMS = FULL ? 100_000 : 1500;

const client = new OpenAI({ apiKey: "none", logLevel: "off" });
const parts = { Stream, OpenAIError: OpenAI.OpenAIError };

const [BEFORE, BEHIND] = ["data: ", "\u0002"];
/** Texts that were not parsed. */
let patterned = 0;

const TEXTS = [
  "a",
  "word ",
  "",
  " ",
  'say "hi"',
  "a\\b",
  "\n",
  "\u0000",
  "ü🙂",
  "\uD800",
  "[DONE]",
  '","x":"',
  "llmcache hole 0",
  "900719925474000",
  "\\",
];
const NUMBERS = [0, 1, 9, 10, 12, 123_456, -1, 0.5, 1e21, 900_719_925_474_000, 2 ** 53, 1e-7];

function value(roll: Dice, depth = 0): unknown {
  switch (roll.below(depth > 2 ? 3 : 6)) {
    case 0:
      return roll.of(TEXTS);
    case 1:
      return roll.of(NUMBERS);
    case 2:
      return roll.of([null, true, false]);
    case 3:
      return Array.from({ length: roll.below(3) }, () => value(roll, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: roll.below(4) }, () => [
          roll.of(["a", "b", "__proto__", "1", "", "error", 'q"']),
          value(roll, depth + 1),
        ]),
      );
  }
}

/** Texts of one form, in which now this and now that is another value, or another text. */
function alike(roll: Dice): string[] {
  const shape = { id: "x", n: 1, choices: [{ index: 0, delta: { content: "" } }], more: value(roll) };
  return Array.from({ length: 3 + roll.below(12) }, (_, index) => {
    const each = structuredClone<{
      id: string;
      n: number;
      more: unknown;
      choices: { delta: { content: string }; index: number }[];
    }>(shape);
    (each.choices[0] as { delta: { content: string } }).delta.content = roll.of(TEXTS);
    if (roll() < 0.3) each.n = roll.of(NUMBERS);
    if (roll() < 0.2) each.id = roll.of(TEXTS);
    if (roll() < 0.1) each.more = value(roll);
    if (roll() < 0.5) each.n = index;
    return roll() < 0.05 ? JSON.stringify(each, null, " ") : JSON.stringify(each);
  });
}

/** One character more, less or other. */
function broken(text: string, roll: Dice): string {
  const at = roll.below(text.length + 1);
  const with_ = roll.of([
    "",
    '"',
    "\\",
    "1",
    "}",
    "\n",
    "\r",
    ":",
    "data: ",
    " ",
    "\u0001",
    "\uFEFF",
    "event: error\n",
    "-",
    ".",
    "e",
  ]);
  return text.slice(0, at) + with_ + text.slice(at + roll.below(2));
}

/** As one of many that stand in one text, with something behind it. */
function readWith(texts: AlikeTexts, text: string): unknown {
  const all = `+++${BEFORE}${text}${BEHIND}"}`;
  const known = texts.readAt(all, 3);
  if (known === UNLIKE) return texts.parse(text);
  expect(all.slice(3 + BEFORE.length, texts.end)).toBe(text + BEHIND);
  patterned++;
  return known;
}

function outcomeOf(read: () => unknown): unknown {
  try {
    return ["value", read()];
  } catch (error) {
    return ["error", (error as Error).name];
  }
}

describe("texts that are nearly the same", () => {
  test("are read as JSON.parse reads them, whatever is in them, and whether they are JSON or not", () => {
    const roll = dice(11);
    for (let count = 0; count < STREAMS; count++) {
      const texts = new AlikeTexts(BEFORE, BEHIND);
      for (const each of alike(roll)) {
        const text = roll() < 0.15 ? broken(each, roll) : each;
        const read = outcomeOf(() => readWith(texts, text));
        const expected = outcomeOf(() => JSON.parse(text) as unknown);
        expect([text, read]).toStrictEqual([text, expected]);
        // The order of the members too, and what they inherit.
        expect(JSON.stringify(read)).toBe(JSON.stringify(expected));
      }
    }
    // Else JSON.parse has been compared with itself.
    expect(patterned).toBeGreaterThan(STREAMS);
  }, 600_000);

  test("are not taken for each other where they differ in a name, whatever their values are called", () => {
    const texts = new AlikeTexts(BEFORE, BEHIND);
    const all = ["a", "b", "c", "a"].map((name) => ({ [name]: 1, text: "llmcache hole 0", n: 900_719_925_474_000 }));
    for (const each of [...all, ...all]) expect(readWith(texts, JSON.stringify(each))).toStrictEqual(each);
  });

  test("are not parsed once their form is known, also with quotes, slashes and ends of lines in them", () => {
    const texts = new AlikeTexts(BEFORE, BEHIND);
    const text = (content: string): string => `${BEFORE}${JSON.stringify({ n: 1, content })}${BEHIND}`;
    for (const content of ["a", "b"]) readWith(texts, JSON.stringify({ n: 1, content }));
    for (const content of ["c", 'say "hi"', "\\", '\\"', "\n", "ü🙂", "x".repeat(100), `${"x".repeat(100)}"`])
      expect(texts.readAt(text(content), 0)).toEqual({ n: 1, content });
    expect(texts.readAt(text("c"), 1)).toBe(UNLIKE);
    expect(texts.readAt(`${BEFORE}{"n":1,"content":"${"x".repeat(100)}\n"}${BEHIND}`, 0)).toBe(UNLIKE);
    expect(texts.readAt(`${BEFORE}{"n":1,"content":"\t"}${BEHIND}`, 0)).toBe(UNLIKE);
  });

  test("are values of their own", () => {
    const texts = new AlikeTexts(BEFORE, BEHIND);
    const read = ["a", "b", "c", "d"].map((text) =>
      readWith(texts, JSON.stringify({ list: [{ text }], deep: { same: [1, {}] } })),
    );
    const [third, fourth] = read.slice(2) as { list: { text: string }[]; deep: { same: unknown[] } }[];
    Object.assign(third?.list[0] as object, { text: "changed" });
    third?.deep.same.push(2);
    Object.assign(third?.deep.same[1] as object, { more: 1 });
    expect(fourth).toStrictEqual({ list: [{ text: "d" }], deep: { same: [1, {}] } });
    expect(readWith(texts, '{"list":[{"text":"e"}],"deep":{"same":[1,{}]}}')).toStrictEqual({
      list: [{ text: "e" }],
      deep: { same: [1, {}] },
    });
  });
});

/** Every other one as OpenAI writes them. */
function bytesOf(roll: Dice): Uint8Array {
  const isOdd = roll() < 0.5;
  const newline = isOdd ? roll.of(["\n", "\n", "\n", "\r\n", "\r"]) : "\n";
  const event = (data: string): string => {
    const lines = !isOdd || roll() < 0.9 ? [`data: ${data}`] : data.split("\n").map((line) => `data:${line}`);
    if (isOdd && roll() < 0.2)
      lines.unshift(roll.of(["event: response.delta", "event: message", "event:x", ": ping", "id: 1", "retry: 1"]));
    if (isOdd && roll() < 0.02) lines.unshift(roll.of(["event: error", "event: thread.created", "event: thread"]));
    return `${lines.join(newline)}${newline}${newline}`;
  };
  const events = alike(roll).map((text) => event(isOdd && roll() < 0.02 ? '{"error":{"message":"no"}}' : text));
  if (roll() < 0.05)
    events.splice(
      roll.below(events.length),
      0,
      roll.of([": comment\n\n", "\n", "event: x\n\n", "data:\n\n", "data: \n\n", "data: null\n\n", "data: 1\n\n"]),
    );
  if (roll() < 0.8) events.push(event("[DONE]"));
  if (roll() < 0.1) events.push(event('{"behind":1}'));
  let text = events.join("");
  if (roll() < 0.1) text = text.trimEnd();
  if (roll() < 0.3) text = broken(text, roll);
  const bytes = Buffer.from(text, "utf8");
  if (roll() < 0.03 && bytes.length > 0) bytes[roll.below(bytes.length)] = 0xff;
  return new Uint8Array(bytes);
}

async function readAll(stream: AsyncIterable<unknown>, controller: AbortController): Promise<unknown> {
  const values: unknown[] = [];
  const text: string[] = [];
  try {
    for await (const each of stream) {
      values.push(each);
      text.push(JSON.stringify(each));
    }
  } catch (error) {
    const { name, message, headers } = error as Error & { readonly headers?: Headers };
    return [values, text, "error", name, message, headers && [...headers], controller.signal.aborted];
  }
  return [values, text, "end", controller.signal.aborted];
}

const HEADERS = { "content-type": "text/event-stream", "x-one": "1" };

function onTheWire(bytes: Uint8Array, controller: AbortController): Stream<unknown> {
  return Stream.fromSSEResponse(new Response(Buffer.from(bytes), { headers: HEADERS }), controller, client);
}

function atTheMethod(bytes: Uint8Array, controller: AbortController): Stream<unknown> {
  const headers = (): Headers => new Headers(HEADERS);
  return hitStream(parts, { client, controller, bytes, headers, begins: () => undefined });
}

describe("a stored stream", () => {
  test("gives what the SDK reads from its bytes, valid or broken", async () => {
    const roll = dice(7);
    let byUs = 0;
    for (let count = 0; count < STREAMS; count++) {
      const bytes = bytesOf(roll);
      const [one, other] = [new AbortController(), new AbortController()];
      const expected = await readAll(onTheWire(bytes, one), one);
      const seen = await readAll(atTheMethod(bytes, other), other);
      expect([Buffer.from(bytes).toString(), seen]).toStrictEqual([Buffer.from(bytes).toString(), expected]);
      const values = new EventValues(bytes);
      let value = values.next();
      while (value !== END && value !== OTHER) value = values.next();
      if (value === END) byUs++;
    }
    // Else only the SDK has been compared with itself.
    expect(byUs).toBeGreaterThan(STREAMS / 4);
  }, 600_000);

  const bytes = Buffer.from(
    `${[1, 2, 3].map((n) => `data: {"n":${n}}\n\n`).join("")}data: {"n":4,"error":{"message":"broken"}}\n\n`,
  );
  const ways = [
    ["the wire", onTheWire],
    ["the method", atTheMethod],
  ] as const;

  test.each(ways)("from %s aborts itself when it is left early", async (_name, open) => {
    const controller = new AbortController();
    for await (const _ of open(bytes, controller)) break;
    expect(controller.signal.aborted).toBe(true);
  });

  test.each(ways)("from %s ends quietly when it is aborted, before or while it is read", async (_name, open) => {
    const early = new AbortController();
    early.abort();
    expect(await readAll(open(bytes, early), early)).toEqual([[], [], "end", true]);
    const late = new AbortController();
    const seen: unknown[] = [];
    for await (const each of open(Buffer.from('data: {"n":1}\n\n'), late)) {
      seen.push(each);
      late.abort();
    }
    expect(seen).toEqual([{ n: 1 }]);
  });

  test.each(ways)("from %s can be read once", async (_name, open) => {
    const controller = new AbortController();
    const stream = open(Buffer.from('data: {"n":1}\n\n'), controller);
    const untouched = stream[Symbol.asyncIterator]();
    await untouched.return?.();
    expect(controller.signal.aborted).toBe(false);
    for await (const _ of stream);
    const again = stream[Symbol.asyncIterator]();
    const error = await again.next().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OpenAI.OpenAIError);
    expect((error as Error).message).toContain("consumed stream");
    expect(await again.next()).toEqual({ done: true, value: undefined });
  });

  test.each(ways)("from %s can be split, made a readable stream, and thrown into", async (_name, open) => {
    const whole = Buffer.from('data: {"n":1}\n\ndata: {"n":2}\n\n');
    const controller = new AbortController();
    const [one, other] = open(whole, controller).tee();
    expect(await readAll(one, controller)).toEqual([[{ n: 1 }, { n: 2 }], ['{"n":1}', '{"n":2}'], "end", false]);
    expect(await readAll(other, controller)).toEqual(await readAll(open(whole, controller), controller));
    const readable = open(whole, controller).toReadableStream() as ConstructorParameters<typeof Response>[0];
    expect(await new Response(readable).text()).toBe('{"n":1}\n{"n":2}\n');
    const thrown = open(whole, controller)[Symbol.asyncIterator]();
    await thrown.next();
    await expect(thrown.throw?.(new Error("mine"))).rejects.toThrow("mine");
    expect(controller.signal.aborted).toBe(true);
    expect(await thrown.next()).toEqual({ done: true, value: undefined });
  });
});
