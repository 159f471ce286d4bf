/** What the emulator's process is told, and what it tells. */
export interface EntraStart {
  readonly people: number;
  readonly redirectUri: string;
}

export interface EntraStarted {
  readonly origin: string;
  readonly tenantId: string;
  readonly agentApp: string;
  readonly agentSecret: string;
  readonly mcpApp: string;
  readonly oids: readonly string[];
}

/** What the service's process is told. */
export interface ServiceStart extends Omit<EntraStarted, "oids"> {
  /** Of one server, or of the primaries of a cluster. */
  readonly redisUrls: readonly string[];
  readonly port: number;
  readonly key: string;
}

/** What the service's process has used so far. */
export interface ServiceUse {
  readonly rss: number;
  readonly peakRss: number;
  readonly cpuMs: number;
  readonly errors: readonly string[];
}
