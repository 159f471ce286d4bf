import type { FoundryState } from "../state.js";
import type { Person } from "./consents.js";
import { refresh } from "./oauth.js";
import type { ToolSourceAuth } from "./options.js";
import { consentRequired, SourceFailed } from "./source-failures.js";
import type { ToolSource } from "./toolbox.js";

type Ways = {
  readonly [Type in ToolSourceAuth["type"]]: (
    state: FoundryState,
    source: ToolSource,
    auth: Extract<ToolSourceAuth, { readonly type: Type }>,
    whom: Whom,
  ) => Promise<string | undefined>;
};

interface Whom {
  readonly person: Person;
  /** Whom the consent link is for. */
  readonly asks: Person;
}

/** Before a token expires it is no longer sent: clocks differ. */
const marginMs = 60_000;

const ways: Ways = {
  async oauth2(state, source, auth, { person, asks }) {
    const grant = state.consents.grant(person, source);
    if (grant === undefined) throw askFor(state, source, asks);
    if (grant.expiresAt - marginMs > state.now()) return grant.accessToken;
    const fresh =
      grant.refreshToken === undefined ? undefined : await refresh(state, auth, grant.refreshToken);
    if (fresh === undefined) {
      state.consents.revoke(source.connection, person.userId);
      throw askFor(state, source, asks);
    }
    Object.assign(grant, {
      accessToken: fresh.accessToken,
      expiresAt: fresh.expiresAt,
      refreshToken: fresh.refreshToken ?? grant.refreshToken,
    });
    return grant.accessToken;
  },
  async agent(state, source, { audience }) {
    const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = state.options.entra.managedIdentity.env;
    const query = new URLSearchParams({ "api-version": "2019-08-01", resource: audience });
    if (state.agentIdentity !== undefined) query.set("client_id", state.agentIdentity.clientId);
    const response = await state.fetch(`${IDENTITY_ENDPOINT}?${query}`, {
      headers: { "x-identity-header": IDENTITY_HEADER },
    });
    const { access_token: token } = (await response.json()) as { access_token?: string };
    if (token !== undefined) return token;
    throw new SourceFailed("HTTP_400", `No token of the agent for the source '${source.options.name}'.`);
  },
  // Source: azure-sdk-for-net issue 59767 (code and the beginning of the text); tool-mcp-user-entra-token.md.
  async user_entra_token(_state, { options }) {
    throw new SourceFailed("HTTP_400", `Connection resolution failed for '${options.name}'.`);
  },
  none: async () => undefined,
};

/** The token that a source's server gets. Throws {@link SourceFailed}; with the link where the person has to agree. */
export function sourceToken(
  state: FoundryState,
  source: ToolSource,
  whom: Whom,
): Promise<string | undefined> {
  const { auth } = source.options;
  const way = ways[auth.type] as (
    state: FoundryState,
    source: ToolSource,
    auth: ToolSourceAuth,
    whom: Whom,
  ) => Promise<string | undefined>;
  return way(state, source, auth, whom);
}

/** The link looks as the platform's do, on whatever host it is served. */
function askFor(state: FoundryState, source: ToolSource, person: Person): SourceFailed {
  const { id } = state.consents.link(person, source);
  const host =
    state.options.consentLinks === "platform"
      ? "https://logic-emulator.consent.azure-apihub.net"
      : state.origin;
  return new SourceFailed(consentRequired, `${host}/login?data=${id}`);
}
