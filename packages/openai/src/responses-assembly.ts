import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, parseJsonText, type ServerSentEvent } from "@llmcache/fetch";
import { isToldByResponse, textKindOf, type TextKind } from "./responses-event-kinds.ts";

/** What the events of a Responses stream amount to. */
export interface ResponseAssembly {
  /** The Response that the last event holds; `undefined` if the stream has not ended by itself. */
  readonly response: JsonObject | undefined;
  /** The Response has all items and texts that came before it, as they came. */
  readonly agrees: boolean;
  /** The Response says all that the events said. */
  readonly lossless: boolean;
  /** The provider reported an error in mid-stream, or sent what is no JSON. */
  readonly failed: boolean;
}

const ENDINGS: ReadonlySet<string> = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** Is this the event that holds the whole Response? */
export function isEnding(event: ServerSentEvent): boolean {
  if (ENDINGS.has(event.event)) return true;
  if (event.event !== "message" || ![...ENDINGS].some((type) => event.data.includes(type))) return false;
  const data = parseJsonText(event.data);
  return isJsonObject(data) && typeof data["type"] === "string" && ENDINGS.has(data["type"]);
}

/** A text that came in pieces, and whose it is. */
interface Text {
  readonly kind: TextKind;
  readonly event: JsonObject;
  /** There were pieces; otherwise only the event that ends it told it. */
  readonly inPieces: boolean;
  pieces: string;
}

/**
 * The last event holds the whole Response, as a call without `stream` gets it. It is held against what came before: where
 * pieces are missing on the way, or the provider leaves items out of the last event, the two do not agree.
 */
export function assembleResponse(events: readonly ServerSentEvent[]): ResponseAssembly {
  const texts = new Map<string, Text>();
  const items: JsonObject[] = [];
  let response: JsonObject | undefined;
  let lossless = true;
  let agrees = true;
  for (const { event: name, data } of events) {
    if (data.trim() === "[DONE]") break;
    const event = parseJsonText(data);
    const type = isJsonObject(event) && typeof event["type"] === "string" ? event["type"] : "";
    if (
      !isJsonObject(event) ||
      type === "error" ||
      name === "error" ||
      (event["error"] ?? null) !== null ||
      type === "response.failed"
    )
      return { response: undefined, agrees: false, lossless: false, failed: true };
    if (!isToldByResponse(type)) lossless = false;
    if (ENDINGS.has(type)) {
      // Nothing may follow, and nothing may be said twice.
      if (response !== undefined || !isJsonObject(event["response"])) agrees = false;
      else response = event["response"];
    } else if (response !== undefined && type !== "keepalive") agrees = false;
    else if (type === "response.output_item.added" || type === "response.output_item.done") items.push(event);
    else if (!take(texts, type, event)) agrees = false;
  }
  if (response !== undefined && agrees) agrees = isAllOf(response, items, texts);
  return { response, agrees, lossless, failed: false };
}

/** Adds an event to the text that it is a piece of, or the end of. Says whether the end is what the pieces make. */
function take(texts: Map<string, Text>, type: string, event: JsonObject): boolean {
  const kind = textKindOf(type);
  if (kind === undefined) return true;
  const { item_id: id, output_index: index } = event;
  const key = JSON.stringify([kind.stem, id, index, kind.part === undefined ? 0 : event[kind.part.index]]);
  const known = texts.get(key);
  if (type === `${kind.stem}.delta`) {
    if (typeof event["delta"] !== "string") return false;
    if (known === undefined) texts.set(key, { kind, event, inPieces: true, pieces: event["delta"] });
    else known.pieces += event["delta"];
    return true;
  }
  const whole = event[kind.member];
  if (typeof whole !== "string" || (known !== undefined && known.pieces !== whole)) return false;
  if (known === undefined) texts.set(key, { kind, event, inPieces: false, pieces: whole });
  return true;
}

function isAllOf(response: JsonObject, items: readonly JsonObject[], texts: ReadonlyMap<string, Text>): boolean {
  const { output } = response;
  if (!Array.isArray(output)) return false;
  const find = (id: Json | undefined, index: Json | undefined): JsonObject | undefined => {
    const list = (output as readonly Json[]).filter(isJsonObject);
    if (typeof id === "string") return list.find((item) => item["id"] === id);
    return typeof index === "number" ? list[index] : undefined;
  };
  const hasItem = ({ item, output_index: index }: JsonObject): boolean =>
    !isJsonObject(item) || find(item["id"], index)?.["type"] === item["type"];
  const hasText = ({ kind, event, pieces }: Text): boolean => {
    const item = find(event["item_id"], event["output_index"]);
    return item !== undefined && wholeOf(item, kind, event) === pieces;
  };
  const all = [...texts.values()];
  return items.every(hasItem) && all.every(hasText) && !hasLostPieces(all);
}

/** Who sends one text in pieces sends all of that kind so: pieces of the others were lost. */
function hasLostPieces(texts: readonly Text[]): boolean {
  const inPieces = new Set(texts.filter((text) => text.inPieces).map(({ kind }) => kind));
  return texts.some((text) => !text.inPieces && text.pieces !== "" && inPieces.has(text.kind));
}

/** The text in the Response. */
function wholeOf(item: JsonObject, { member, part }: TextKind, event: JsonObject): Json | undefined {
  if (part === undefined) return item[member];
  const list = item[part.list];
  const index = event[part.index];
  const holder = Array.isArray(list) && typeof index === "number" ? (list as readonly Json[])[index] : undefined;
  return isJsonObject(holder) && holder["type"] === part.type ? holder[member] : undefined;
}
