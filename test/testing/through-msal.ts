import { ConfidentialClientApplication } from "@azure/msal-node";
import type { FilledRow, World } from "../live/fill.js";

/** Sends a row through unmodified MSAL, with a client of its own, and returns what MSAL throws. */
export async function throughMsal(world: World, { tenant, form }: FilledRow): Promise<unknown> {
  const client = new ConfidentialClientApplication({
    auth: {
      clientId: form["client_id"] ?? "",
      authority: `${world.origin}/${tenant}`,
      knownAuthorities: [new URL(world.origin).host],
      ...(form["client_assertion"] === undefined
        ? { clientSecret: form["client_secret"] ?? "" }
        : { clientAssertion: form["client_assertion"] }),
    },
  });
  const scopes = (form["scope"] ?? "").split(" ");
  const claims = form["claims"] === undefined ? {} : { claims: form["claims"] };
  const call = (): Promise<unknown> => {
    switch (form["grant_type"]) {
      case "client_credentials":
        return client.acquireTokenByClientCredential({
          scopes,
          ...claims,
          ...(form["fmi_path"] === undefined ? {} : { fmiPath: form["fmi_path"] }),
        });
      case "authorization_code":
        return client.acquireTokenByCode({
          scopes,
          code: form["code"] ?? "",
          redirectUri: form["redirect_uri"] ?? "",
          ...(form["code_verifier"] === undefined ? {} : { codeVerifier: form["code_verifier"] }),
        });
      case "refresh_token":
        return client.acquireTokenByRefreshToken({ scopes, refreshToken: form["refresh_token"] ?? "" });
      default:
        return client.acquireTokenOnBehalfOf({ scopes, oboAssertion: form["assertion"] ?? "", ...claims });
    }
  };
  return call().then(
    () => undefined,
    (error: unknown) => error,
  );
}
