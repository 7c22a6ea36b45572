import { EventSplitter, readEvents, writeEvent } from "./sse.ts";
import type { AskedForMore } from "./wire-format.ts";

/**
 * What a caller is shown of a stream in which there is more than he asked for: event by event, each as soon as it has come; what he
 * is shown unchanged stays what it was, byte for byte.
 */
export function shown(source: AsyncIterator<Uint8Array>, more: AskedForMore): AsyncIterator<Uint8Array> {
  const splitter = new EventSplitter();
  let isOver = false;
  return {
    async next() {
      while (!isOver) {
        const next = await source.next();
        isOver ||= next.done === true;
        const pieces = next.done === true ? [splitter.rest()] : splitter.push(next.value);
        const value = Buffer.concat(pieces.map((piece) => show(piece, more)));
        if (value.byteLength > 0) return { done: false, value };
      }
      return { done: true, value: undefined };
    },
    // Not behind what is being read: who leaves does not wait for the next event.
    return: async () => {
      isOver = true;
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}

/** Comments and what is no event yet are shown as they are. */
function show(piece: Uint8Array, more: AskedForMore): Uint8Array {
  const [event] = readEvents(piece).events;
  const seen = event === undefined ? "same" : more.show(event);
  if (seen === undefined) return new Uint8Array(0);
  return seen === "same" ? piece : writeEvent(seen);
}
