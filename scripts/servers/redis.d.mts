/** How to start a program; more arguments go behind these. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

export interface RedisPrograms {
  readonly server: Program;
  readonly cli: Program;
  readonly openssl: Program;
  readonly valkey: Program | undefined;
}

export interface RedisServerOptions {
  readonly password?: string;
  /** Rules as in `user reader on >secret ~app:* +get`. */
  readonly acl?: readonly string[];
  /** With a certificate that is signed by itself. */
  readonly tls?: boolean;
  readonly maxmemory?: string;
  readonly maxmemoryPolicy?: string;
  readonly appendonly?: boolean;
  readonly unixSocket?: boolean;
  readonly valkey?: boolean;
  /** More of the configuration. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

export interface RedisServer extends AsyncDisposable {
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  readonly password: string | undefined;
  /** With `unixSocket`. */
  readonly path: string | undefined;
  readonly url: string;
  readonly ca: string;
  readonly pid: number | undefined;
  readonly log: string;
  start(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  restart(): Promise<void>;
  stop(): Promise<void>;
  command(...words: string[]): Promise<string>;
}

export interface RedisClusterServers extends AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  readonly addresses: string;
  settled(): Promise<void>;
  masters(): Promise<readonly RedisServer[]>;
  stop(): Promise<void>;
}

export function redisPrograms(): Promise<RedisPrograms>;
export function startRedis(options?: RedisServerOptions): Promise<RedisServer>;
export function startRedisCluster(
  options?: Omit<RedisServerOptions, "tls" | "unixSocket">,
): Promise<RedisClusterServers>;
