import { bearerChallenge, parseChallenges } from "../../../src/access/challenges.js";
import { textOf, type FuzzTarget } from "../target.js";

const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
const encoded = Buffer.from(claims).toString("base64");

export const challengeTargets: readonly FuzzTarget[] = [
  {
    name: "WWW-Authenticate",
    from: "an MCP server",
    files: ["src/access/challenges.ts"],
    shape: "text",
    seeds: [
      'Bearer realm="mcp", error="invalid_token", error_description="The token, so it says, has \\"expired\\""',
      `Bearer realm="", authorization_uri="https://login.example.com", error="insufficient_claims", claims="${encoded}"`,
      `Bearer error="insufficient_claims", claims="${Buffer.from(claims).toString("base64url")}"`,
      `Bearer claims="${claims.replaceAll('"', '\\"')}"`,
      'Bearer error="insufficient_scope", scope="contacts.read contacts.write", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource"',
      'Basic realm="a, b", Negotiate oWwwaaa==, Bearer scope=read , error = invalid_token',
      'Bearer error="insufficient_user_authentication", acr_values="myACR", max_age=5',
      `Bearer Consent Uri="https://x", claims="${encoded}", error="insufficient_claims"`,
      "Negotiate",
      "",
    ],
    words: [
      "Bearer ",
      "Basic ",
      "claims=",
      "error=",
      "scope=",
      "max_age=",
      "acr_values=",
      "Negotiate abc==",
      '{"access_token":{}}',
      encoded,
    ],
    run: (input) => {
      const header = textOf(input);
      return [parseChallenges(header), bearerChallenge(header), bearerChallenge(null)];
    },
  },
];
