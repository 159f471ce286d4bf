import {
  ConsentRequest,
  ConsentRequiredError,
  type HostedAgentIdentityError,
  protectedResource,
  type TokenSource,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";

export const linkFor = (label: string): string =>
  `https://login.microsoftonline.com/consent?to=${label}&code=${label}-secret-part-of-the-link`;

/** The end of a link: whatever shows it shows the link. */
export const secretOf = (label: string): string => `${label}-secret-part-of-the-link`;

export const consentFor = (label: string, link: string = linkFor(label)): ConsentRequest =>
  new ConsentRequest({ link, serverLabel: label, reason: "consent" });

export const consentError = (...labels: string[]): ConsentRequiredError =>
  new ConsentRequiredError(labels.map((label) => consentFor(label)));

export interface AccessBehaviour {
  /** What Entra says. Default: the user has to consent. */
  readonly refusal?: HostedAgentIdentityError | "none";
  /** Entra answers when this settles. */
  readonly when?: Promise<unknown>;
}

/** A real access whose only source answers as told, and how often it was asked. */
export function accessThat(
  label: string,
  { refusal = consentError(label), when }: AccessBehaviour = {},
): UserAccess & { asked: () => number } {
  let asked = 0;
  const source: TokenSource = {
    kind: "test",
    provesUser: true,
    cacheScope: label,
    usesAssertion: false,
    cached: true,
    skip: () => undefined,
    async acquire() {
      asked += 1;
      await when;
      if (refusal !== "none") return { status: "needs", error: refusal, requests: [] };
      return {
        status: "token",
        token: { token: `token-${label}`, expiresAt: Date.now() + 3_600_000, source: "test" },
      };
    },
  };
  const resource = protectedResource({
    url: `https://${label}.example.com/mcp`,
    serverLabel: label,
    scopes: [`api://${label}/read`],
    audiences: [`api://${label}`],
  });
  return { ...userAccess(resource, [source]), asked: () => asked };
}

/** A promise and its hands. */
export function gate<T = void>(): { readonly promise: Promise<T>; readonly open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    open = done;
  });
  return { promise, open };
}

export async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of iterable) all.push(one);
  return all;
}
