/** Headers, and which of them somebody looked at: what was made of them depends on no others. */
export interface WatchedHeaders {
  readonly headers: Headers;
  /** Lower-case names, also of headers that are not there; `undefined` if somebody looked at all of them. */
  readonly seen: () => ReadonlySet<string> | undefined;
}

/** A copy that remembers what is looked at. */
export function watchHeaders(given: Headers): WatchedHeaders {
  const headers = new Headers(given);
  const own = {
    get: headers.get.bind(headers),
    has: headers.has.bind(headers),
    getSetCookie: headers.getSetCookie.bind(headers),
    forEach: headers.forEach.bind(headers),
    entries: headers.entries.bind(headers),
    keys: headers.keys.bind(headers),
    values: headers.values.bind(headers),
  };
  const names = new Set<string>();
  let sawAll = false;
  const see = (name: string): string => {
    names.add(name.toLowerCase());
    return name;
  };
  const all = <A extends readonly unknown[], R>(read: (...args: A) => R): ((...args: A) => R) => {
    return (...args) => {
      sawAll = true;
      return read(...args);
    };
  };
  Object.assign(headers, {
    get: (name: string) => own.get(see(name)),
    has: (name: string) => own.has(see(name)),
    getSetCookie: all(own.getSetCookie),
    forEach: all(own.forEach),
    entries: all(own.entries),
    keys: all(own.keys),
    values: all(own.values),
    // A copy that is made of them looks at all.
    [Symbol.iterator]: all(own.entries),
  });
  return { headers, seen: () => (sawAll ? undefined : names) };
}
