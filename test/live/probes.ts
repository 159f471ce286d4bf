import { fill, type World } from "./fill.js";
import type { RefusalRow, WorldValue } from "./refusals.js";

/** A question nobody has answered in public: what a real tenant says is printed, nothing is expected. */
export interface Probe {
  readonly question: string;
  /** Beyond the values of the table. */
  readonly needs: readonly string[];
  ask(
    world: World,
    env: Readonly<Record<string, string | undefined>>,
  ): Promise<Readonly<Record<string, unknown>>>;
}

const obo = {
  grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
  requested_token_use: "on_behalf_of",
  client_id: "{client_id}",
  client_secret: "{client_secret}",
  assertion: "{user_token}",
  scope: "{scope} offline_access",
};

/** The answer to an on-behalf-of request with another assertion or other claims. */
function exchange(
  question: string,
  needs: readonly string[],
  change: (env: Record<string, string>) => Record<string, string>,
): Probe {
  return {
    question,
    needs,
    ask: async (world, env) => {
      const given = Object.fromEntries(needs.map((name) => [name, env[name] ?? ""]));
      return asked(world, { ...obo, ...change(given) });
    },
  };
}

export const probes: readonly Probe[] = [
  {
    question: "Can an agent identity's app-only token be the federated credential of another app?",
    needs: ["LIVE_AGENT_IDENTITY_TOKEN", "LIVE_CLIENT_ID_FEDERATED"],
    ask: (world, env) =>
      asked(world, {
        grant_type: "client_credentials",
        scope: "{scope_resource}/.default",
        client_id: env["LIVE_CLIENT_ID_FEDERATED"] ?? "",
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: env["LIVE_AGENT_IDENTITY_TOKEN"] ?? "",
      }),
  },
  exchange("What does 53001 (device not joined) look like?", ["LIVE_USER_TOKEN_NOT_JOINED"], (env) => ({
    assertion: env["LIVE_USER_TOKEN_NOT_JOINED"] ?? "",
  })),
  exchange("What does 50020 (a user of another tenant) look like?", ["LIVE_USER_TOKEN_EXTERNAL"], (env) => ({
    assertion: env["LIVE_USER_TOKEN_EXTERNAL"] ?? "",
  })),
  exchange(
    "What does 90072 (an external account that must sign in again) look like?",
    ["LIVE_USER_TOKEN_PASSTHROUGH"],
    (env) => ({
      assertion: env["LIVE_USER_TOKEN_PASSTHROUGH"] ?? "",
    }),
  ),
  exchange("What does 90009 (an app asks a token for itself by URI) look like?", [], () => ({
    scope: "api://{client_id}/.default",
  })),
  exchange("Does the exchange answer with refresh_in, and how long does the token live?", [], () => ({})),
  exchange("Does the token live longer with the capability cp1?", [], () => ({
    claims: '{"access_token":{"xms_cc":{"values":["cp1"]}}}',
  })),
  {
    question: "What does discovery say about PKCE and the issuer parameter (RFC 9207)?",
    needs: [],
    ask: async (world) => {
      const tenant = await world.value("tenant");
      const response = await fetch(`${world.origin}/${tenant}/v2.0/.well-known/openid-configuration`);
      const metadata = await response.json();
      return {
        code_challenge_methods_supported: metadata.code_challenge_methods_supported ?? "absent",
        authorization_response_iss_parameter_supported:
          metadata.authorization_response_iss_parameter_supported ?? "absent",
      };
    },
  },
];

/** Sends a form and returns what may be seen of the answer: never a token. */
async function asked(world: World, form: Record<string, string>): Promise<Record<string, unknown>> {
  const row: RefusalRow = {
    name: "probe",
    form,
    expected: { status: 0, error: "", codes: [] },
    confidence: "D",
    source: "",
  };
  const filled = await fill(row, world);
  if ("missing" in filled) return { "not tried, missing": filled.missing satisfies WorldValue[] };
  const response = await fetch(`${world.origin}/${filled.tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams(filled.form),
  });
  const body: Record<string, unknown> = await response.json();
  const seen = [
    "error",
    "error_codes",
    "suberror",
    "claims",
    "expires_in",
    "ext_expires_in",
    "refresh_in",
    "scope",
  ];
  return {
    status: response.status,
    "retry-after": response.headers.get("retry-after") ?? "absent",
    ...Object.fromEntries(seen.filter((name) => name in body).map((name) => [name, body[name]])),
  };
}
