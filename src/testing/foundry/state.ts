import type { Callers } from "./callers.js";
import type { Calls } from "./calls.js";
import type { Container } from "./container.js";
import type { Faults } from "./faults.js";
import type { FoundryLog } from "./log.js";
import type { FoundrySettings } from "./option-checks.js";
import type { Readiness } from "./readiness.js";
import type { Sessions } from "./sessions.js";
import type { ResponseStore } from "./store.js";
import type { Consents } from "./toolbox/consents.js";
import type { Toolbox } from "./toolbox/toolbox.js";

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Everything that one emulator knows. */
export interface FoundryState {
  readonly options: FoundrySettings;
  readonly project: string;
  readonly agentName: string;
  readonly agentVersion: string;
  readonly tenantId: string;
  readonly now: () => number;
  readonly fetch: Fetch;
  readonly callers: Callers;
  readonly consumers: ReadonlySet<string> | "everybody";
  readonly impersonators: ReadonlySet<string>;
  /** The object id of the agent's own identity. */
  readonly agentIdentity: { readonly objectId: string; readonly clientId: string } | undefined;
  readonly calls: Calls;
  readonly sessions: Sessions;
  readonly store: ResponseStore;
  readonly readiness: Readiness;
  readonly toolboxes: ReadonlyMap<string, Toolbox>;
  readonly consents: Consents;
  readonly faults: Faults;
  readonly log: FoundryLog;
  container: Container | undefined;
  origin: string;
}
