import type { FinalOptions } from "./sdk-inside.ts";

/** In so many turns a store in the process has answered. */
const PATIENCE = 16;
const A_TURN: Promise<void> = Promise.resolve();

/**
 * What a lookup gives; `undefined` as soon as `signal` is aborted, and where it fails. The body of `options` is the caller's, who may go
 * on with it: if he has changed it by then, there is one in its place that says what it said, for the SDK would have sent it long ago.
 */
export async function whileLooking<T>(
  looking: Promise<T | undefined>,
  options: FinalOptions,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  let isSettled = false;
  let found: T | undefined;
  const settled = looking.then(
    (value) => {
      isSettled = true;
      found = value;
    },
    () => {
      isSettled = true;
    },
  );
  for (let turn = 0; turn < PATIENCE; turn++) {
    await A_TURN;
    if (isSettled) return found;
  }
  const before = textsOf(options.body);
  await untilAborted(settled, signal);
  if (found === undefined) options.body = restored(options.body, before);
  return found;
}

/** The text of each member. */
function textsOf(body: unknown): ReadonlyMap<string, string | undefined> {
  const members = Object.entries(body as Readonly<Record<string, unknown>>);
  return new Map(members.map(([name, value]) => [name, JSON.stringify(value)]));
}

/** What has not been changed stays the object that it is: the SDK keeps in it what JSON does not say. */
function restored(body: unknown, before: ReadonlyMap<string, string | undefined>): unknown {
  const now = textsOf(body);
  if (now.size === before.size && [...before].every(([name, text]) => now.get(name) === text)) return body;
  const given = body as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    [...before].map(([name, text]) => {
      if (now.get(name) === text) return [name, given[name]];
      return [name, text === undefined ? undefined : (JSON.parse(text) as unknown)];
    }),
  );
}

async function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  if (signal.aborted) return;
  const aborted = Promise.withResolvers<void>();
  const onAbort = (): void => aborted.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
