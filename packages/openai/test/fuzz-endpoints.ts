import type { Json, JsonObject } from "@llmcache/core";
import { CHAT_FIELDS, COMPLETIONS_FIELDS, RESPONSES_FIELDS, type FieldRole } from "../src/index.ts";
import { CHAT_URL, COMPLETIONS_URL, RESPONSES_URL } from "./asking.ts";
import type { Dice } from "../../fetch/test/dice.ts";
import { CHAT_VALUES, COMPLETIONS_VALUES, RESPONSES_VALUES, type Pair } from "./field-values.ts";

/** An endpoint whose requests are made up and compared. */
export interface FuzzEndpoint {
  readonly name: string;
  readonly url: string;
  readonly fields: Readonly<Record<string, FieldRole>>;
  /** A few values of each field. */
  readonly values: Readonly<Record<string, Pair>>;
  /** The field that holds what is asked. */
  readonly asked: string;
  /** What no request lacks. */
  required(dice: Dice): JsonObject;
  /** What a request asks, in one of the ways to write it: written down anew here, so that it does not share our mistakes. */
  essence(body: JsonObject): Json;
}

const TEXTS = ["a", "b", "a\nassistant: b", "1", "", "ü", "\uD800", "[DONE]", '["a"]'] as const;

function content(dice: Dice, type: string): Json {
  const text = (): Json => ({ type, text: dice.of(TEXTS) });
  const image = (): Json => ({
    type: "image_url",
    image_url: { url: dice.of(["https://a", "data:image/png;base64,AA"]) },
  });
  switch (dice.below(7)) {
    case 0:
    case 6:
      return [text()];
    case 1:
      return [text(), text()];
    case 2:
      return [text(), image()];
    default:
      return dice.of(TEXTS);
  }
}

function messages(dice: Dice, type: string): JsonObject[] {
  return Array.from({ length: 1 + dice.below(3) }, () => ({
    role: dice.of(["user", "user", "user", "assistant", "system"]),
    content: content(dice, type),
    ...(dice() < 0.1 ? { name: dice.of(["x", "y"]) } : {}),
  }));
}

/** A plain user message of one text may be written as a list of one part, where it is the last. */
function plainLast(list: Json | undefined, type: string, mayHave: readonly string[]): Json {
  if (!Array.isArray(list)) return list as Json;
  const last = list.at(-1) as JsonObject;
  const names = Object.keys(last).filter((name) => !mayHave.includes(name) || last[name] !== "message");
  if (last["role"] !== "user" || names.length !== 2 || last["content"] === undefined) return list as Json;
  const parts = last["content"];
  const [part] = (Array.isArray(parts) && parts.length === 1 ? parts : [undefined]) as [JsonObject | undefined];
  const isText =
    typeof part === "object" &&
    part !== null &&
    !Array.isArray(part) &&
    Object.keys(part).length === 2 &&
    part["type"] === type &&
    typeof part["text"] === "string";
  if (!isText && typeof parts !== "string") return list as Json;
  return [...list.slice(0, -1), { role: "user", content: isText ? part["text"] : parts }] as Json;
}

export const FUZZ_ENDPOINTS: readonly FuzzEndpoint[] = [
  {
    name: "chat completions",
    url: CHAT_URL,
    asked: "messages",
    fields: CHAT_FIELDS,
    values: CHAT_VALUES,
    required: (dice) => ({ model: dice.of(["m", "n"]), messages: messages(dice, "text") }),
    essence: (body) => ({ ...body, messages: plainLast(body["messages"], "text", []) }),
  },
  {
    name: "Responses",
    url: RESPONSES_URL,
    asked: "input",
    fields: RESPONSES_FIELDS,
    values: RESPONSES_VALUES,
    required: (dice) => ({
      model: dice.of(["m", "n"]),
      input:
        dice() < 0.3
          ? dice.of(TEXTS)
          : messages(dice, "input_text").map((each) => (dice() < 0.2 ? { type: "message", ...each } : each)),
    }),
    essence: (body) => {
      const { input } = body;
      const list = typeof input === "string" ? [{ role: "user", content: input }] : input;
      return {
        ...body,
        input: Array.isArray(list) && list.length > 0 ? plainLast(list, "input_text", ["type"]) : (list ?? "none"),
      };
    },
  },
  {
    name: "completions",
    url: COMPLETIONS_URL,
    asked: "prompt",
    fields: COMPLETIONS_FIELDS,
    values: COMPLETIONS_VALUES,
    required: (dice) => ({
      model: dice.of(["m", "n"]),
      prompt: dice.of<Json>([...TEXTS, ["a"], ["a", "b"], ["b", "a"], [1, 2], [[1, 2]], [[1], [2]], ["1", "2"]]),
    }),
    essence: (body) => body,
  },
];
