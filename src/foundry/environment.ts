import { flag, nested, optional, text, type OptionCheck } from "../errors.js";

/** What the platform says about itself through environment variables. */
export interface FoundryEnvironment {
  /** Whether this process runs in a hosted-agent sandbox, behind the platform's gateway. */
  readonly hosted: boolean;
  readonly projectEndpoint?: string;
  readonly agentName?: string;
  readonly agentVersion?: string;
  readonly sessionId?: string;
}

/**
 * Reads the hosting environment. Source: hosted-agent contract, "environment variables"; the marker is
 * `FOUNDRY_HOSTING_ENVIRONMENT`, non-empty when hosted.
 */
export function foundryEnvironment(env: Readonly<Record<string, string | undefined>>): FoundryEnvironment {
  const named = {
    projectEndpoint: env["FOUNDRY_PROJECT_ENDPOINT"],
    agentName: env["FOUNDRY_AGENT_NAME"],
    agentVersion: env["FOUNDRY_AGENT_VERSION"],
    sessionId: env["FOUNDRY_AGENT_SESSION_ID"],
  };
  const present = Object.fromEntries(
    Object.entries(named).filter(([, value]) => value !== undefined && value !== ""),
  );
  return { hosted: (env["FOUNDRY_HOSTING_ENVIRONMENT"] ?? "") !== "", ...present };
}

/** The option `environment`. */
export const environmentOption: OptionCheck<FoundryEnvironment | undefined> = optional(
  nested<FoundryEnvironment>({
    hosted: flag,
    projectEndpoint: optional(text()),
    agentName: optional(text()),
    agentVersion: optional(text()),
    sessionId: optional(text()),
  }),
);
