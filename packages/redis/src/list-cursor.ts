import { LLMCacheError } from "@llmcache/core";

/** Which part of which server's keys one SCAN looked at. */
export interface ListPlace {
  /** Another value means other servers, whose keys are in another order. */
  readonly servers: string;
  readonly node: number;
  readonly cursor: string;
  /** With another one, SCAN would look at another part. */
  readonly count: number;
  /** The cursor that followed. */
  readonly end: string;
}

/** What stands in a cursor for an id: enough digits to tell it from the others of a batch, 12 hex digits as 8 characters. */
const MARK_DIGITS = 12;
const MARK_CHARACTERS = 8;
const CURSOR =
  /^(?<servers>[0-9a-f]{8})\.(?<node>\d{1,4})\.(?<cursor>\d{1,20})\.(?<count>\d{1,5})\.(?<end>\d{1,20})\.(?<marks>(?:[\w-]{8})*)$/;

/**
 * The cursor of an entry in a list: the place of its batch, and which ones of that batch were given. Ids of a batch are given in their
 * order.
 */
export class ListCursor {
  readonly place: ListPlace;
  readonly #marks: string;

  private constructor(place: ListPlace, marks: string) {
    this.place = place;
    this.#marks = marks;
  }

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` for what is no cursor. */
  static parse(text: string): ListCursor {
    const groups = typeof text === "string" ? CURSOR.exec(text)?.groups : undefined;
    if (groups === undefined)
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `after must be a cursor of a Redis store, not ${JSON.stringify(text)}.`,
      );
    const { servers = "", node, cursor = "", count, end = "", marks = "" } = groups;
    return new ListCursor({ servers, node: Number(node), cursor, count: Number(count), end }, marks);
  }

  /** Before the first entry of a batch. */
  static before(place: ListPlace): ListCursor {
    return new ListCursor(place, "");
  }

  /** After this id too. */
  behind(id: string): ListCursor {
    return new ListCursor(this.place, this.#marks + Buffer.from(id.slice(0, MARK_DIGITS), "hex").toString("base64url"));
  }

  /** The same position in a batch as it is now; its beginning, if that is another one. */
  at(place: ListPlace): ListCursor {
    return new ListCursor(place, this.#isIn(place) ? this.#marks : "");
  }

  /**
   * Those of a batch that are still to be given. Where the batch ends as it did, whatever is new in it may be passed over, so that a
   * list among many writes comes to its end. Where it does not, keys may have come into it that belong behind it, and only
   * what was given is passed over.
   */
  leftOf(ids: readonly string[], place: ListPlace): readonly string[] {
    if (!this.#isIn(place)) return ids;
    const given: string[] = [];
    for (let at = 0; at < this.#marks.length; at += MARK_CHARACTERS) {
      given.push(Buffer.from(this.#marks.slice(at, at + MARK_CHARACTERS), "base64url").toString("hex"));
    }
    const last = given.toSorted().at(-1) ?? "";
    const isPassed =
      place.end === this.place.end ? (mark: string) => mark <= last : (mark: string) => given.includes(mark);
    return ids.filter((id) => !isPassed(id.slice(0, MARK_DIGITS)));
  }

  #isIn(place: ListPlace): boolean {
    const { servers, node, cursor, count } = this.place;
    return servers === place.servers && node === place.node && cursor === place.cursor && count === place.count;
  }

  toString(): string {
    const { servers, node, cursor, count, end } = this.place;
    return `${servers}.${node}.${cursor}.${count}.${end}.${this.#marks}`;
  }
}
