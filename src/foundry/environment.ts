import { flag, optional, text } from "../options/checks.js";
import { nested, type OptionCheck } from "../options/option-table.js";
import { developerRefusal } from "./developer-machine.js";

/** What the platform says about itself through environment variables. */
export interface FoundryEnvironment {
  /** Whether this process runs in a hosted-agent sandbox, behind the platform's gateway. */
  readonly hosted: boolean;
  readonly projectEndpoint?: string;
  readonly agentName?: string;
  readonly agentVersion?: string;
  readonly sessionId?: string;
  /**
   * Whether the developer is the user where nobody else is: `HOSTED_AGENT_IDENTITY_DEVELOPER` is 1, and nothing says
   * that this is a host. For `foundryToolbox()` on the developer's machine.
   */
  readonly developer?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the hosting environment. Source: hosted-agent contract, "environment variables"; the marker is
 * `FOUNDRY_HOSTING_ENVIRONMENT`, non-empty when hosted.
 */
export function foundryEnvironment(env: Environment): FoundryEnvironment {
  const named = {
    projectEndpoint: env["FOUNDRY_PROJECT_ENDPOINT"],
    ...agentIn(env),
    sessionId: sessionIn(env),
  };
  const present = Object.fromEntries(
    Object.entries(named).filter(([, value]) => value !== undefined && value !== ""),
  );
  const developer = developerRefusal(env) === undefined ? { developer: true } : {};
  return { hosted: (env["FOUNDRY_HOSTING_ENVIRONMENT"] ?? "") !== "", ...present, ...developer };
}

/** The agent that the platform names. For each turn: a process asks its system for every variable. */
export function agentIn(
  env: Environment,
): Record<keyof Pick<FoundryEnvironment, "agentName" | "agentVersion">, string | undefined> {
  return {
    agentName: env["FOUNDRY_AGENT_NAME"] || undefined,
    agentVersion: env["FOUNDRY_AGENT_VERSION"] || undefined,
  };
}

/** The session that the platform names. */
export function sessionIn(env: Environment): string | undefined {
  return env["FOUNDRY_AGENT_SESSION_ID"] || undefined;
}

/** The option `environment`. */
export const environmentOption: OptionCheck<FoundryEnvironment | undefined> = optional(
  nested<FoundryEnvironment>({
    hosted: flag,
    projectEndpoint: optional(text()),
    agentName: optional(text()),
    agentVersion: optional(text()),
    sessionId: optional(text()),
    developer: optional(flag),
  }),
);
