import {
  ConsentRequest,
  ConsentRequiredError,
  principalKey,
  protectedResource,
  type TokenSource,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";

/**
 * An access that asks each person once, and what the person does with the link. Its tokens name the platform's
 * id of their person.
 */
export interface GrantingAccess {
  readonly access: UserAccess;
  /** The person opens the link and agrees. */
  open(link: string): void;
  /** What must not be seen by a model: the secret part of each link that was made. */
  readonly secrets: readonly string[];
}

export function grantingAccess(label: string): GrantingAccess {
  const granted = new Set<string>();
  const tickets = new Map<string, string>();
  const secrets: string[] = [];
  const source: TokenSource = {
    kind: "test",
    provesUser: true,
    cacheScope: label,
    usesAssertion: false,
    cached: true,
    skip: () => undefined,
    async acquire({ context }) {
      const { principal } = context;
      const key = principal === undefined ? "nobody" : principalKey(principal);
      if (granted.has(key)) {
        const token = `token-of-${principal?.kind === "platform" ? principal.id : "nobody"}`;
        return { status: "token", token: { token, expiresAt: Date.now() + 3_600_000, source: "test" } };
      }
      const secret = `ticket-${secrets.length}-secret-part-of-the-link`;
      secrets.push(secret);
      const link = `https://login.microsoftonline.com/consent?ticket=${secret}`;
      tickets.set(link, key);
      const request = new ConsentRequest({ link, serverLabel: label, reason: "consent" });
      return { status: "needs", error: new ConsentRequiredError([request]), requests: [request] };
    },
  };
  const resource = protectedResource({
    url: `https://${label}.example.com/mcp`,
    serverLabel: label,
    scopes: [`api://${label}/read`],
    audiences: [`api://${label}`],
  });
  return {
    access: userAccess(resource, [source]),
    secrets,
    open(link) {
      const key = tickets.get(link);
      if (key === undefined) throw new Error("not a link that was handed out");
      granted.add(key);
    },
  };
}
