import { decodeJwt } from "jose";
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
  {
    question: "What does an agent identity get on behalf of a user: an id token, which claims?",
    needs: [
      "LIVE_CLIENT_ID_BLUEPRINT",
      "LIVE_CLIENT_SECRET_BLUEPRINT",
      "LIVE_AGENT_IDENTITY",
      "LIVE_USER_TOKEN_BLUEPRINT",
    ],
    ask: askAsAgentIdentity,
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

/** Both steps of the agent identity flow; of the tokens, only which claims there are. */
async function askAsAgentIdentity(
  world: World,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, unknown>> {
  const tenant = await world.value("tenant");
  const agentIdentity = env["LIVE_AGENT_IDENTITY"] ?? "";
  const post = async (form: Record<string, string>): Promise<Record<string, unknown>> => {
    const response = await fetch(`${world.origin}/${tenant}/oauth2/v2.0/token`, {
      method: "POST",
      body: new URLSearchParams(form),
    });
    return response.json();
  };
  const first = await post({
    grant_type: "client_credentials",
    client_id: env["LIVE_CLIENT_ID_BLUEPRINT"] ?? "",
    client_secret: env["LIVE_CLIENT_SECRET_BLUEPRINT"] ?? "",
    scope: "api://AzureADTokenExchange/.default",
    fmi_path: agentIdentity,
  });
  if (typeof first["access_token"] !== "string") return { "first step": first["error_codes"] };
  const { sub, idtyp } = decodeJwt(first["access_token"]);
  const second = await post({
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    requested_token_use: "on_behalf_of",
    client_id: agentIdentity,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: first["access_token"],
    assertion: env["LIVE_USER_TOKEN_BLUEPRINT"] ?? "",
    scope: `${await world.value("scope")} openid profile offline_access`,
  });
  if (typeof second["access_token"] !== "string") return { "second step": second["error_codes"] };
  const claims = decodeJwt(second["access_token"]);
  return {
    "exchange token": { "sub names the agent identity": sub?.endsWith(`/${agentIdentity}`) ?? false, idtyp },
    "fields of the answer": Object.keys(second).sort(),
    "claims of the token": Object.keys(claims).sort(),
    "its client is the agent identity": [claims["azp"], claims["appid"]].includes(agentIdentity),
    idtyp: claims["idtyp"],
    xms_act_fct: claims["xms_act_fct"],
  };
}

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
