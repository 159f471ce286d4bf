import type { ProtectedResource } from "hosted-agent-identity";

/** What a process of the agent starts with: the same for all of them. */
export interface AgentStart {
  readonly tenantId: string;
  readonly clientId: string;
  readonly cloud: {
    readonly loginEndpoint: string;
    readonly stsEndpoint: string;
    readonly tokenExchangeAudience: string;
  };
  readonly publicUrl: string;
  readonly resources: readonly ProtectedResource[];
  readonly redisUrl: string;
  /** The encryption key, base64. */
  readonly key: string;
}

/** What a process is asked to do, all items at the same time. */
export type AgentTask =
  | {
      readonly do: "redeem";
      readonly user: string;
      readonly conversation: string;
      readonly texts: readonly string[];
    }
  | {
      readonly do: "token";
      readonly user: string;
      readonly resource: string;
      readonly callers: number;
      /** How far the process's clock is ahead, in milliseconds. */
      readonly ahead: number;
    };

/** What came of it, in the order of the items; whom a token is for, or the error's code. */
export interface AgentAnswer {
  readonly results: readonly {
    readonly status: string;
    readonly triesLeft?: number;
    readonly reason?: string;
  }[];
  /** SHA-256 of the refresh tokens that were sent to Entra, and of those that came back, since the last answer. */
  readonly sent: readonly string[];
  readonly received: readonly string[];
}
