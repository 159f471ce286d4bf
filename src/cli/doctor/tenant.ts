import { issuersOf } from "../../entra/clouds.js";
import { aadstsFacts, unknownAadstsFacts } from "../../entra/aadsts.js";
import { readRefusal } from "../../entra/classify.js";
import type { EntraApp } from "../../exchange/entra-app.js";
import type { Finding } from "../finding.js";
import { objectIn, probe, Unreachable } from "./probe.js";

/** Whether the tenant's OpenID metadata answers, at the configured cloud, with the tenant's issuer. */
export async function checkTenant({
  app,
  ...asked
}: {
  readonly app: EntraApp | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}): Promise<readonly Finding[]> {
  if (app === undefined) return [];
  const check = "tenant";
  const { cloud, tenantId } = app;
  try {
    const url = `${cloud.loginEndpoint}/${tenantId}/v2.0/.well-known/openid-configuration`;
    const { status, text } = await probe(url, { headers: { accept: "application/json" } }, asked);
    const answer = objectIn(text);
    if (status !== 200 || answer === undefined) return [refused(status, answer)];
    const issuers = issuersOf(cloud, tenantId);
    return issuers.includes(String(answer["issuer"]))
      ? [{ check, status: "ok", detail: `${cloud.loginEndpoint} knows the tenant ${tenantId}.` }]
      : [
          {
            check,
            status: "fail",
            detail: `The metadata names the issuer ${JSON.stringify(answer["issuer"])}; expected ${JSON.stringify(issuers[0])}.`,
            fix: "Check AZURE_AUTHORITY_HOST: something other than Entra answers there.",
          },
        ];
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return [
      {
        check,
        status: "fail",
        code: "entra_unreachable",
        detail: `${cloud.loginEndpoint} could not be reached (${error.message}).`,
        fix: "Check network, proxy and AZURE_AUTHORITY_HOST.",
      },
    ];
  }

  function refused(status: number, answer: unknown): Finding {
    const [code] = readRefusal(status, answer).errorCodes ?? [];
    const facts = code === undefined ? undefined : (aadstsFacts(code) ?? unknownAadstsFacts(code));
    return {
      check,
      status: "fail",
      code: code === undefined ? undefined : `AADSTS${code}`,
      detail: `${cloud.loginEndpoint} answered ${status} for the tenant ${tenantId}${code === undefined ? "" : ` (AADSTS${code}: ${facts?.meaning ?? "see explain"})`}.`,
      fix: "Check AZURE_TENANT_ID (the directory's id, not a subscription's) and the cloud in AZURE_AUTHORITY_HOST.",
    };
  }
}
