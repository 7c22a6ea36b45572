/** How long a scenario is run, and with which time-outs. */
export interface Pace {
  readonly name: "full" | "short";
  readonly beforeMs: number;
  readonly duringMs: number;
  /** At least; it goes on until hits come as before. */
  readonly afterMs: number;
  /** Of the cache. */
  readonly storeTimeoutMs: number;
  /** Of stores; `undefined`: as they are by default. */
  readonly timeoutMs: number | undefined;
  /** Of breakers; `undefined`: as it is by default. */
  readonly pauseMs: number | undefined;
  /** Of what is stored. */
  readonly ttlMs: number;
}

/** For the table: everything as it is by default. */
export const FULL: Pace = {
  name: "full",
  beforeMs: 2000,
  duringMs: 8000,
  afterMs: 2000,
  storeTimeoutMs: 1000,
  timeoutMs: undefined,
  pauseMs: undefined,
  ttlMs: 4000,
};

/** For tests that run with every change. */
export const SHORT: Pace = {
  name: "short",
  beforeMs: 200,
  duringMs: 700,
  afterMs: 100,
  storeTimeoutMs: 250,
  timeoutMs: 400,
  pauseMs: 300,
  ttlMs: 1000,
};
