/** A PostgreSQL server of its own, with one empty database. */
export interface PostgresServer extends AsyncDisposable {
  /** With user and password. */
  readonly url: string;
  readonly password: string;
  readonly port: number;
  readonly folder: string;
  readonly pid: number | undefined;
  readonly log: string;
  /** Starts again with the same port and data. */
  start(): Promise<void>;
  /** Breaks every connection at once. */
  kill(): Promise<void>;
  /** Ends it, with all it stored. */
  stop(): Promise<void>;
}

export function startPostgres(): Promise<PostgresServer>;
/** Fetches the programs if need be. */
export function postgresPrograms(): Promise<unknown>;
