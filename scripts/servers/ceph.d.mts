/** Keys of a user. */
export interface CephUser {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface CephServerOptions {
  /** How long a "day" of a lifecycle rule takes. */
  readonly secondsPerDay?: number;
}

export interface CephServer extends CephUser, AsyncDisposable {
  readonly endpoint: string;
  readonly tlsEndpoint: string;
  readonly region: string;
  readonly ca: string;
  readonly log: string;
  createUser(name: string): Promise<CephUser>;
  startGateway(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export function startCeph(options?: CephServerOptions): Promise<CephServer>;
export function cephTree(): Promise<unknown>;
