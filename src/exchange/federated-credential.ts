import { decodeClaims } from "../entra/token-claims.js";
import { either, func, made, optional, text } from "../options/checks.js";
import { HostedAgentIdentityError } from "../errors.js";
import { type OptionCheck } from "../options/option-table.js";
import { clientCredentialFailedCauses } from "../errors/causes/tokens.js";
import type { ClientAuthentication, ClientCredential, CredentialRequest } from "./credential.js";

/** The part of `TokenCredential` of `@azure/core-auth` that is used: any credential of `@azure/identity`. */
export interface TokenCredentialLike {
  getToken(
    scopes: string | string[],
    options?: { abortSignal?: AbortSignal; claims?: string | undefined },
  ): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

/** A credential of `@azure/identity`, or anything with its one method. */
export const tokenCredentialOption: OptionCheck<TokenCredentialLike> = made<TokenCredentialLike>(
  "a credential of @azure/identity",
  { getToken: "function" },
);

const sourceCheck: OptionCheck<TokenCredentialLike | (() => Promise<string>)> = either(
  func<() => Promise<string>>(),
  tokenCredentialOption,
);

/** How long a token of unknown lifetime is kept. */
const unknownLifetimeMs = 60_000;

/**
 * Proves the app with a token of another identity that the app registration trusts (a federated identity
 * credential): a managed identity through `@azure/identity`, or a callback that returns such a token. No
 * secret to keep. The callback runs without any user context. A JWT of its is used until shortly before its `exp`;
 * what has no `exp` that can be read is asked for anew for each exchange.
 *
 * The identity is asked for a token of the cloud's exchange audience: `api://AzureADTokenExchange`, with
 * `USGov` or `China` behind it in those clouds. It has to be a user-assigned managed identity of the app's own
 * tenant, and its principal id the subject of the app's federated credential. An identity whose tokens come
 * from a federated credential themselves is refused (AADSTS700231); that is reported of Foundry's hosted
 * agents, which then need a certificate.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, workload-id/workload-identity-federation-config-app-trust-managed-identity.
 *
 * @example
 * ```ts
 * import { ManagedIdentityCredential } from "@azure/identity";
 * import { federatedCredential } from "hosted-agent-identity";
 *
 * export const credential = federatedCredential(new ManagedIdentityCredential({ clientId: "<user-assigned>" }));
 * ```
 * @group Entra app
 */
export function federatedCredential(source: TokenCredentialLike | (() => Promise<string>)): ClientCredential {
  sourceCheck.read(source, "federatedCredential: source");
  return Object.freeze({
    kind: "federated" as const,
    authenticate: (request: CredentialRequest) =>
      typeof source === "function"
        ? fromText(() => source(), "federatedCredential: the callback", request)
        : fromTokenCredential(source, request),
  });
}

/**
 * Proves the app with the token file of a workload identity (Kubernetes). Tenant and client are those of
 * `entraApp()`; the file is read for each exchange, since the platform rotates it.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @param path the file; default: the environment variable `AZURE_FEDERATED_TOKEN_FILE`
 * @group Entra app
 */
export function workloadIdentityFile(path?: string): ClientCredential {
  optional(text("the path of a file")).read(path, "workloadIdentityFile: path");
  return Object.freeze({
    kind: "workload_identity_file" as const,
    authenticate(request: CredentialRequest) {
      const file = path ?? process.env["AZURE_FEDERATED_TOKEN_FILE"] ?? "";
      if (file === "") {
        throw new HostedAgentIdentityError(
          "invalid_option",
          "workloadIdentityFile: AZURE_FEDERATED_TOKEN_FILE is not set.",
        );
      }
      const read = async (): Promise<string> => {
        const { readFile } = await import("node:fs/promises");
        return (await readFile(file, "utf8")).trim();
      };
      return fromText(read, `workloadIdentityFile: ${JSON.stringify(file)}`, request, unknownLifetimeMs);
    },
  });
}

async function fromTokenCredential(
  source: TokenCredentialLike,
  request: CredentialRequest,
): Promise<ClientAuthentication> {
  const scope = `${request.tokenExchangeAudience}/.default`;
  let token: { token: string; expiresOnTimestamp: number } | null;
  try {
    token = await source.getToken(scope, { abortSignal: request.signal });
  } catch (cause) {
    const what = `federatedCredential: the credential gave no token for ${JSON.stringify(scope)}${kindOf(cause)}.`;
    throw failed(what, cause, clientCredentialFailedCauses.noIdentity);
  }
  if (token === null || token.token === "")
    throw failed(
      "federatedCredential: the credential gave no token.",
      undefined,
      clientCredentialFailedCauses.noIdentity,
    );
  return { assertion: token.token, expiresAt: token.expiresOnTimestamp };
}

async function fromText(
  read: () => Promise<string>,
  what: string,
  request: CredentialRequest,
  keepAtMostMs: number = Number.POSITIVE_INFINITY,
): Promise<ClientAuthentication> {
  let assertion: string;
  try {
    assertion = await read();
  } catch (cause) {
    throw failed(`${what} could not be read.`, cause);
  }
  const exp = typeof assertion === "string" ? decodeClaims(assertion)?.exp : undefined;
  if (typeof assertion !== "string" || assertion === "") throw failed(`${what} gave no token.`);
  const known = typeof exp === "number" ? exp * 1000 : request.now() + unknownLifetimeMs;
  return { assertion, expiresAt: Math.min(known, request.now() + keepAtMostMs) };
}

/** The class of an error says what kind of trouble it is and holds nothing else. */
function kindOf(cause: unknown): string {
  return cause instanceof Error && /^\w{1,64}$/.test(cause.name) ? ` (${cause.name})` : "";
}

function failed(
  message: string,
  cause?: unknown,
  { help } = clientCredentialFailedCauses.callback,
): HostedAgentIdentityError {
  return new HostedAgentIdentityError("client_credential_failed", message, { cause, help });
}
