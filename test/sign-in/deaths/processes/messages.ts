import type { ProtectedResource } from "hosted-agent-identity";
import type { Arrived } from "../../../../src/sign-in/sign-in-internals.js";
import type { Page, Told } from "../agent.js";

/** What a process starts with. */
export interface Start {
  readonly tenantId: string;
  readonly clientId: string;
  readonly cloud: {
    readonly loginEndpoint: string;
    readonly stsEndpoint: string;
    readonly tokenExchangeAudience: string;
  };
  readonly resource: ProtectedResource;
  readonly redisUrl: string;
  /** The encryption key, base64. */
  readonly key: string;
}

/** A signal that the process gives itself at one of its calls of the store. */
export interface Blow {
  readonly signal: "SIGKILL" | "SIGSTOP";
  readonly when: "before" | "after";
  /** How many calls go well first. */
  readonly call: number;
}

export interface Task {
  readonly id: number;
  readonly user: string;
  readonly blow: Blow | undefined;
  readonly what:
    | { readonly say: string }
    | { readonly open: string; readonly arrived: Arrived }
    | { readonly end: "sign out" | "revoke" };
}

/** What came of a task, or what the model was told and the tool was given meanwhile. */
export type Report =
  | { readonly id: number; readonly told?: Told; readonly page?: Page | undefined; readonly ended?: boolean }
  | { readonly toModel: string; readonly user: string }
  | { readonly given: string; readonly user: string };
