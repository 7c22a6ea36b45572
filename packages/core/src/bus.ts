/**
 * What a process tells others that keep copies of the same entries. `source` says who tells it, so that nobody listens to himself.
 */
export type InvalidationMessage =
  /** The entry under this id is gone. */
  | { readonly type: "delete"; readonly id: string; readonly source: string }
  /** Everything is gone. */
  | { readonly type: "clear"; readonly source: string }
  /** There is an entry of that instant under this id: copies that were created before are out of date. */
  | { readonly type: "refresh"; readonly id: string; readonly createdAt: number; readonly source: string };

/**
 * Tells copies in other processes what was deleted, cleared and refreshed. Messages may be late, be lost or come twice: they only make copies
 * go sooner than a tier's `maxTtl` does. Give a bus of its own (a channel, a prefix) to whatever has a store of its own: `clear` is for all who listen.
 */
export interface InvalidationBus {
  /** Tells it to everybody else, and perhaps to ourselves. A rejection is an event, and nothing more. */
  publish(message: InvalidationMessage): Promise<void>;
  /** `listener` checks what it is given, and does not throw. @returns a function that ends it. */
  subscribe(listener: (message: unknown) => void): () => void;
}

/** Ids are 64 hex digits; those of other stores may be longer, but not by much. */
const MAX_TEXT_LENGTH = 1024;

/** Is this a message, and not something else that somebody sent? */
export function isInvalidationMessage(value: unknown): value is InvalidationMessage {
  if (typeof value !== "object" || value === null) return false;
  const { type, source, id, createdAt } = value as Readonly<Record<string, unknown>>;
  if (!isText(source)) return false;
  if (type === "clear") return true;
  if (!isText(id)) return false;
  return type === "delete" || (type === "refresh" && typeof createdAt === "number" && Number.isFinite(createdAt));
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_TEXT_LENGTH;
}

/** A bus within the process: for several caches in one, and for tests. Messages arrive before `publish` resolves. */
export class LocalBus implements InvalidationBus {
  readonly #listeners: Set<{ readonly call: (message: unknown) => void }> = new Set<{
    readonly call: (message: unknown) => void;
  }>();

  async publish(message: InvalidationMessage): Promise<void> {
    for (const { call } of this.#listeners) {
      try {
        call({ ...message });
      } catch {
        // What is wrong with a listener is its owner's matter.
      }
    }
  }

  subscribe(listener: (message: unknown) => void): () => void {
    const registration = { call: listener };
    this.#listeners.add(registration);
    return () => {
      this.#listeners.delete(registration);
    };
  }
}
