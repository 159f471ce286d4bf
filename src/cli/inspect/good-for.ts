import type { TokenClaims } from "../../entra/token-claims.js";
import { subjectOf } from "../../entra/token-subject.js";
import type { Settings } from "../read-settings.js";
import { audienceKind } from "./token-findings.js";
import type { SourceKind } from "../../sources/source-kinds.js";

/** What you can use a token for, by the table in docs/guides/which-way.md. */
export interface GoodFor {
  readonly way: SourceKind | "none";
  readonly detail: string;
}

/** The way that the token fits, if its claims are true. */
export function goodFor(claims: TokenClaims, settings: Settings): readonly GoodFor[] {
  if (subjectOf(claims).kind !== "person")
    return [{ way: "none", detail: "no way: it is not a user's token." }];
  switch (audienceKind(claims, settings)) {
    case "app":
      return [{ way: "on_behalf_of", detail: "send it in x-client-user-token; onBehalfOf() exchanges it." }];
    case "resource":
      return [
        {
          way: "passthrough",
          detail: "passthrough() sends it on, if the verifier lists the server in passthroughTo.",
        },
      ];
    case "foundrys":
      return [
        {
          way: "none",
          detail: "only for calling Foundry itself. Without another token, use a toolbox or sign-in.",
        },
      ];
    case "graph":
    case "microsofts":
      return [{ way: "none", detail: "only for calling that API of Microsoft's." }];
    default:
      return [
        { way: "on_behalf_of", detail: "if its audience is your agent's app." },
        { way: "passthrough", detail: "if its audience is the MCP server." },
        { way: "agent_on_behalf_of", detail: "if its audience is the agent's blueprint (experimental)." },
      ];
  }
}
