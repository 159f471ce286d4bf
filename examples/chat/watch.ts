/** Fetches that tell the hop log what goes through them. They change nothing and keep nothing. */
import { tryGetUserContext, type FetchLike, type UserAccess } from "hosted-agent-identity";
import { describeToken, type HopLog, type Party } from "./hops.js";

const grants: Readonly<Record<string, { what: string; way?: string }>> = {
  authorization_code: { what: "redeem the sign-in's code", way: "sign-in" },
  refresh_token: { what: "renew the person's token", way: "sign-in" },
  "urn:ietf:params:oauth:grant-type:jwt-bearer": {
    what: "exchange the person's token for one for the MCP server",
    way: "on-behalf-of",
  },
};

/** Watches token requests to Entra. Key downloads are nobody's and are left out. */
export function watchEntra(hops: HopLog, from: Party, send: typeof fetch = fetch): typeof fetch {
  return async (input, init) => {
    const form = new URLSearchParams(typeof init?.body === "string" ? init.body : "");
    const grant = grants[form.get("grant_type") ?? ""];
    if (grant === undefined) return send(input, init);
    const hop = hops.start({ from, to: "Entra", ...grant, ...describeToken(form.get("assertion")) });
    const response = await send(input, init).catch((error: unknown) => {
      hop.end("failed: no answer");
      throw error;
    });
    const body = Object(
      await response
        .clone()
        .json()
        .catch(() => ({})),
    ) as Record<string, unknown>;
    if (response.ok) {
      const token = String(body["access_token"] ?? "");
      const { subject } = describeToken(token);
      hop.end("token issued", subject === undefined ? {} : { subject });
    } else hop.end(refusal(response.status, body));
    return response;
  };
}

function refusal(status: number, body: Record<string, unknown>): string {
  const [code] = Array.isArray(body["error_codes"]) ? body["error_codes"] : [];
  if (code === 65001) return "consent needed (AADSTS65001)";
  return code === undefined ? `refused: HTTP ${status}` : `refused (AADSTS${String(code)})`;
}

/** Watches requests to the MCP server, as they leave with the token on. */
export function watchMcp(hops: HopLog, contacts: () => UserAccess, send: FetchLike = fetch): FetchLike {
  return async (input, init) => {
    const request = new Request(input, init);
    const context = tryGetUserContext();
    const way =
      context === undefined
        ? undefined
        : contacts()
            .explain(context)
            .sources.find((one) => one.applies);
    const hop = hops.start({
      from: "agent",
      to: "MCP server",
      what: methodOf(init?.body),
      ...describeToken(request.headers.get("authorization")),
      ...(way === undefined ? {} : { way: way.source.replaceAll("_", "-") }),
    });
    const response = await send(input, init).catch((error: unknown) => {
      hop.end("failed: no answer");
      throw error;
    });
    hop.end(response.ok ? "answered" : `refused: HTTP ${response.status}`);
    return response;
  };
}

function visitorName({ audience }: { readonly audience?: string }): string {
  return `a platform user, ${audience === undefined ? "without a token" : "with a token all the same"}`;
}

function methodOf(body: unknown): string {
  try {
    const { method, params } = Object(JSON.parse(String(body))) as {
      method?: string;
      params?: { name?: string };
    };
    return [method ?? "a message", method === "tools/call" ? params?.name : undefined]
      .filter(Boolean)
      .join(" ");
  } catch {
    return "a message";
  }
}

/** Watches turns: the back end's requests to the agent. */
export function watchAgent(hops: HopLog, send: typeof fetch = fetch): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    const again = typeof init?.body === "string" && init.body.includes('"previous_response_id"');
    const platformUser = headers.get("x-agent-user-id");
    const token = describeToken(headers.get("x-client-user-token") ?? headers.get("authorization"));
    const hop = hops.start({
      from: platformUser === null ? "back end" : "gateway",
      to: "agent",
      what: again ? "POST /responses, the same question again" : "POST /responses",
      ...token,
      ...(platformUser === null ? {} : { subject: { oid: platformUser, name: visitorName(token) } }),
    });
    const response = await send(input, init).catch((error: unknown) => {
      hop.end("failed: no answer");
      throw error;
    });
    hop.end(response.ok ? "accepted" : `refused: HTTP ${response.status}`);
    return response;
  };
}
