import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** How many numbers a vector of {@link writeTinyBert}'s model has. */
export const TINY_DIMENSIONS = 16;
/** How many tokens it reads, the two around the text included. */
export const TINY_MAX_TOKENS = 32;

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const LETTERS = Array.from("abcdefghijklmnopqrstuvwxyz0123456789");
const WORDS = ["how", "do", "reset", "change", "my", "password", "what", "is", "the", "capital", "of", "france", "?"];

/**
 * Writes a model that `@huggingface/transformers` takes for a BERT into a folder: each token is looked up in a table of vectors, and
 * nothing else happens (one Gather). It knows a few words and, piece by piece, all of a–z and 0–9; anything else is unknown to it.
 */
export async function writeTinyBert(folder: string): Promise<void> {
  const words = [...SPECIAL, ...WORDS, ...LETTERS, ...LETTERS.map((letter) => `##${letter}`)];
  const files: Readonly<Record<string, string | Uint8Array>> = {
    "config.json": JSON.stringify({
      model_type: "bert",
      architectures: ["BertModel"],
      hidden_size: TINY_DIMENSIONS,
      vocab_size: words.length,
      max_position_embeddings: TINY_MAX_TOKENS,
    }),
    "tokenizer_config.json": JSON.stringify({
      tokenizer_class: "BertTokenizer",
      do_lower_case: true,
      model_max_length: 512,
      unk_token: "[UNK]",
      sep_token: "[SEP]",
      pad_token: "[PAD]",
      cls_token: "[CLS]",
      mask_token: "[MASK]",
    }),
    "tokenizer.json": JSON.stringify(wordPiece(words)),
    "onnx/model.onnx": gatherModel(words.length),
  };
  await mkdir(join(folder, "onnx"), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
}

/** A tokenizer.json as BERT's: lower case, words, then the longest pieces that are known. */
function wordPiece(words: readonly string[]): object {
  const token = (name: string): object => ({ SpecialToken: { id: name, type_id: 0 } });
  const text = { Sequence: { id: "A", type_id: 0 } };
  const special = (name: string): object => ({ id: name, ids: [words.indexOf(name)], tokens: [name] });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [token("[CLS]"), text, token("[SEP]")],
      pair: [token("[CLS]"), text, token("[SEP]"), text, token("[SEP]")],
      special_tokens: { "[CLS]": special("[CLS]"), "[SEP]": special("[SEP]") },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    },
  };
}

/** ONNX is protobuf; this is what of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto one Gather needs. */
function gatherModel(words: number): Uint8Array {
  const table = message([
    [1, number(words)],
    [1, number(TINY_DIMENSIONS)],
    [2, number(FLOAT)],
    [8, text("table")],
    [9, bytes(tableOf(words))],
  ]);
  const gather = message([
    [1, text("table")],
    [1, text("input_ids")],
    [2, text("last_hidden_state")],
    [3, text("lookup")],
    [4, text("Gather")],
  ]);
  const graph = message([
    [1, bytes(gather)],
    [2, text("tiny")],
    [5, bytes(table)],
    [11, bytes(tensorInfo("input_ids", INT64, ["batch", "tokens"]))],
    [11, bytes(tensorInfo("attention_mask", INT64, ["batch", "tokens"]))],
    [12, bytes(tensorInfo("last_hidden_state", FLOAT, ["batch", "tokens", TINY_DIMENSIONS]))],
  ]);
  const operators = message([
    [1, text("")],
    [2, number(13)],
  ]);
  return message([
    [1, number(8)],
    [7, bytes(graph)],
    [8, bytes(operators)],
  ]);
}

const FLOAT = 1;
const INT64 = 7;

/** The special tokens have hardly any weight, so that texts differ by their words. */
function tableOf(words: number): Uint8Array {
  const numbers = new Float32Array(words * TINY_DIMENSIONS);
  let state = 1;
  for (let index = 0; index < numbers.length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const value = state / 2 ** 31 - 1;
    numbers[index] = index < SPECIAL.length * TINY_DIMENSIONS ? value / 100 : value;
  }
  return new Uint8Array(numbers.buffer);
}

function tensorInfo(name: string, type: number, shape: readonly (string | number)[]): Uint8Array {
  const sizes = shape.map((size): Field => {
    const one: Field = typeof size === "number" ? [1, number(size)] : [2, text(size)];
    return [1, bytes(message([one]))];
  });
  const tensor = message([
    [1, number(type)],
    [2, bytes(message(sizes))],
  ]);
  return message([
    [1, text(name)],
    [2, bytes(message([[1, bytes(tensor)]]))],
  ]);
}

/** Of protobuf: a field's number, and its value with the wire type. */
type Field = readonly [field: number, value: { readonly type: 0 | 2; readonly bytes: Uint8Array }];

function message(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.flatMap(([field, { type, bytes }]) => [
      varint(field * 8 + type),
      ...(type === 2 ? [varint(bytes.length)] : []),
      bytes,
    ]),
  );
}

function number(value: number): Field[1] {
  return { type: 0, bytes: varint(value) };
}

function text(value: string): Field[1] {
  return bytes(Buffer.from(value));
}

function bytes(value: Uint8Array): Field[1] {
  return { type: 2, bytes: value };
}

function varint(value: number): Uint8Array {
  const parts: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...parts, rest]);
    parts.push((rest % 128) + 128);
  }
}
