import { type Principal, type TokenCredentialLike, UserContext } from "hosted-agent-identity";

export const hostedEnvironment = {
  hosted: true,
  projectEndpoint: "https://unused.example",
  agentName: "agent",
};
export const localEnvironment = { hosted: false, developer: true };

/** A context as the platform's gateway makes it: no user token, a user id, and a call id of its own. */
export function callContext(
  callId: string | undefined,
  userId: string = `user-of-${callId}`,
  principal?: Principal,
): UserContext {
  return new UserContext({
    principal,
    platform: { hosted: true, userId, ...(callId === undefined ? {} : { callId }) },
    clientHeaders: { "x-client-theme": "dark" },
    trace: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
  });
}

/** The same where the developer has said that a platform user id stands for one person. */
export function onePersonContext(callId: string, userId: string): UserContext {
  return callContext(callId, userId, { kind: "platform", project: "p", agent: "a", id: userId });
}

/** A credential that counts how often it is asked, and for what. */
export function countingCredential(
  answer: (n: number, options: { claims?: string }) => Promise<string> | string = (n) => `agent-token-${n}`,
  lifetimeMs = 3_600_000,
): TokenCredentialLike & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async getToken(scopes, options = {}) {
      asked.push(String(scopes));
      const token = await answer(asked.length, options as { claims?: string });
      return { token, expiresOnTimestamp: Date.now() + lifetimeMs };
    },
  };
}

/** The object ids of people at the developer's machine. */
export const objectIds = {
  ada: "adaadaad-0000-4000-8000-000000000001",
  grace: "ecececec-0000-4000-8000-000000000002",
} as const;

/** A token as Entra issues it to somebody who has signed in, unsigned. */
export function personToken(oid: string = objectIds.ada, tid = "tenant"): string {
  return jwt({ oid, tid, scp: "user_impersonation", aud: "https://ai.azure.com" });
}

/** A token of an application. */
export function appToken(): string {
  const oid = "a0a0a0a0-0000-4000-8000-000000000003";
  return jwt({ oid, tid: "tenant", idtyp: "app", azp: oid, aud: "https://ai.azure.com" });
}

function jwt(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part(claims)}.${Buffer.from("none").toString("base64url")}`;
}
