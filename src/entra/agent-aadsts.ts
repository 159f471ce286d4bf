import type { AadstsFacts } from "./aadsts.js";

/** Which request of the agent identity flow was refused: the same code has another cause in each. */
export type AgentStep = "exchange_token" | "on_behalf_of";

type Row = readonly [codes: readonly number[], facts: AadstsFacts];

/**
 * What a code means in the agent identity flow, where the general table would mislead. Source:
 * learn.microsoft.com, entra/agent-id/agent-on-behalf-of-oauth-flow and agent-identities; server answers
 * quoted in public.
 */
const rows: Readonly<Record<AgentStep, readonly Row[]>> = {
  exchange_token: [
    [
      [70021, 70025, 700211, 700212, 700213, 7002138],
      {
        category: "config",
        meaning: "The blueprint does not trust this token.",
        fix: "Add a federated credential to the blueprint itself: issuer of this tenant (…/v2.0), the managed identity's principal id (exact case) as subject, the cloud's exchange audience. The one that Foundry created is for Foundry's own service.",
      },
    ],
    [
      [700231],
      {
        category: "config",
        meaning: "The identity that authenticates the blueprint itself comes from a federated credential.",
        fix: "A hosted agent's own identity cannot authenticate a blueprint. Give the blueprint a certificate (its key may stay in Key Vault) or a secret, or run where the machine has a managed identity.",
      },
    ],
    [
      [700016, 700011, 70001, 7000112],
      {
        category: "config",
        meaning: "The blueprint is not known or is disabled in the agent identity's tenant.",
        fix: "Check the blueprint's client id and tenantId; the blueprint needs a principal in its agent identity's tenant. A new one takes minutes to work.",
      },
    ],
    [
      [82001, 90023],
      {
        category: "config",
        meaning: "The app may not ask for an exchange token of this agent identity.",
        fix: "blueprint must be the agent identity blueprint, and agentIdentityId the client id of an agent identity made from it.",
      },
    ],
  ],
  on_behalf_of: [
    [
      [50013, 500131],
      {
        category: "config",
        meaning: "The user token is not for the blueprint.",
        fix: "Have the caller ask for a scope of the blueprint (api://<blueprint client id>/access_agent); a token for Foundry, Graph or the agent identity is refused.",
      },
    ],
    [
      [700211],
      {
        category: "config",
        meaning: "The exchange token comes from a tenant other than the agent identity's.",
        fix: "Set tenantId of agentOnBehalfOf() to the agent identity's tenant.",
      },
    ],
    [
      [70021, 700212, 700213, 7002138],
      {
        category: "config",
        meaning: "The exchange token is not for this agent identity.",
        fix: "agentIdentityId must be the client id of an agent identity made from this blueprint.",
      },
    ],
    [
      [700016, 700011, 70001, 7000112],
      {
        category: "admin",
        meaning: "The agent identity is not known or is disabled in this tenant.",
        fix: "Check agentIdentityId and tenantId; an administrator may have disabled or deleted the agent identity. A new one takes minutes to work.",
      },
    ],
    [
      [65001],
      {
        category: "consent",
        meaning: "No administrator has consented for the agent identity.",
        fix: "Have an administrator consent to the scopes for the blueprint and make them inheritable, or for the agent identity.",
      },
    ],
  ],
};

const byStep: Readonly<Record<AgentStep, ReadonlyMap<number, AadstsFacts>>> = {
  exchange_token: mapOf(rows.exchange_token),
  on_behalf_of: mapOf(rows.on_behalf_of),
};

/** What a code means in a step of the agent identity flow, where that differs from the general table. */
export function agentAadstsFacts(step: AgentStep, code: number): AadstsFacts | undefined {
  return byStep[step].get(code);
}

/** Every code whose meaning differs in a step, in the order of the table. For the page of Entra codes. */
export function knownAgentAadstsCodes(step: AgentStep): readonly number[] {
  return [...byStep[step].keys()];
}

function mapOf(table: readonly Row[]): ReadonlyMap<number, AadstsFacts> {
  return new Map(table.flatMap(([codes, facts]) => codes.map((code) => [code, facts] as const)));
}
