import { randomUUID } from "node:crypto";
import { isHeaderSafe, responseHeaders } from "../foundry/headers.js";
import { containerProtocolVersion, packageVersion } from "../foundry/version.js";

const runtime = `node/${process.versions.node.split(".")[0]}`;
const server = `hosted-agent-identity/${packageVersion} (${runtime}); responses/${containerProtocolVersion} (${runtime})`;

/**
 * The headers of every answer, errors included: the id of the request, and the server. The request's own id is
 * repeated if it is a valid header value; else there is a new one.
 * Source: hosted-agent contract, "response headers": `{hosting}/{version} ({language}/{runtime}); {protocol}/…`.
 */
export function answerHeaders(requestId: string | null | undefined): Record<string, string> {
  return {
    [responseHeaders.requestId]: isHeaderSafe(requestId) ? requestId : randomUUID(),
    [responseHeaders.server]: server,
  };
}
