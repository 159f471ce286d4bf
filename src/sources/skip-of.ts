import { audiencesOf } from "../entra/token-claims.js";
import type { SkippedSource } from "../errors.js";
import type { TokenRequest, TokenSource } from "./token-source.js";

/**
 * Why a source is not asked. A token for some resource may come from that resource itself. So it opens no other
 * resource, whatever a source would say, one of the developer's own included.
 */
export function skipOf(
  source: TokenSource,
  request: TokenRequest,
): Omit<SkippedSource, "source"> | undefined {
  const { assertion, resource } = request;
  if (assertion?.use === "resource") {
    const [actual] = audiencesOf(assertion.claims);
    if (actual === undefined || !resource.audiences.includes(actual))
      return {
        reason: "wrong_audience",
        detail: `the user token is for the resource ${JSON.stringify(actual)}, and opens no other one.`,
      };
  }
  return source.skip(request);
}
