import type { EntraApp } from "../../exchange/entra-app.js";
import { failure, type Finding } from "../finding.js";
import type { Settings } from "../read-settings.js";
import { appToken, refusalIn, refusedBy } from "./app-token.js";
import { credentialOf } from "./environment.js";

const unknownApp: readonly number[] = [700016, 700011, 70001, 7000112];

/** Whether the tenant knows the app and accepts its credential. */
export async function checkCredential({
  app,
  settings,
  signal,
  known,
}: {
  readonly app: EntraApp | undefined;
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** Whether the tenant answers. */
  readonly known: boolean;
}): Promise<readonly Finding[]> {
  if (app === undefined) return [];
  const kind = credentialOf(settings)?.kind;
  if (kind === undefined)
    return [
      {
        check: "app",
        status: "ok",
        detail: `The client id ${app.clientId} is well-formed; the tenant was not asked.`,
      },
      {
        check: "credential",
        status: "fail",
        detail: "No credential is configured, so no token can be exchanged.",
        fix: "Set APP_CLIENT_SECRET, --certificate, or AZURE_FEDERATED_TOKEN_FILE. A managed identity cannot be tried from here.",
      },
    ];
  if (!known) return [{ check: "credential", status: "skip", detail: "the tenant did not answer." }];
  const appOk: Finding = { check: "app", status: "ok", detail: `The tenant knows the app ${app.clientId}.` };
  const credentialOk: Finding = {
    check: "credential",
    status: "ok",
    detail: `Entra accepts the ${words[kind]}.`,
  };
  try {
    await appToken(app, app.clientId, signal);
    return [appOk, credentialOk];
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal === undefined) return [failure("credential", error)];
    const failed = refusedBy(refusal, "credential");
    if (refusal.errorCodes.some((one) => unknownApp.includes(one)))
      return [
        { ...failed, check: "app" },
        { check: "credential", status: "skip", detail: "the tenant does not know the app." },
      ];
    if (refusal.category === "cred") return [appOk, failed];
    // Entra refuses a token for the app itself, for example with AADSTS501051, only after accepting the credential.
    return notItself.some((one) => refusal.errorCodes.includes(one)) ? [appOk, credentialOk] : [failed];
  }
}

/** Entra knows the app and accepted its credential, but the app is not assigned to itself or is no resource. */
const notItself: readonly number[] = [501051, 500011, 50105];

const words = {
  client_secret: "client secret",
  certificate: "certificate",
  federated: "federated credential",
  workload_identity_file: "workload identity",
} as const;
