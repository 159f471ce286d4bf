import type { AuthorizationServer } from "../../support/authorization-server.js";

/** Where a process can stop during a refresh. The two at the server are brought about by the server. */
export const steps = [
  "before the mark",
  "between mark and claim",
  "claimed",
  "sending",
  "arrived",
  "decided",
  "answered",
  "written",
] as const;
export type Step = (typeof steps)[number];

/** What a process starts with. */
export interface Start {
  readonly server: Pick<AuthorizationServer, "issuer" | "clientId" | "clientSecret">;
  readonly redisUrl: string;
  /** The encryption key, base64. */
  readonly key: string;
  /** Named in the header `x-scene` of its requests. */
  readonly scene: string;
  fault?: { readonly step: Step; readonly signal: "SIGKILL" | "SIGSTOP" };
}

/** Gets a token for as many callers at once. */
export interface Task {
  readonly id: number;
  readonly person: string;
  readonly callers: number;
  /** How far the clock is ahead, in milliseconds. */
  readonly ahead: number;
}

export interface Answer {
  readonly id: number;
  /** `token <digest>`, `signed out` or the code of an error. */
  readonly given: readonly string[];
}
