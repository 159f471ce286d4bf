import { errorChain, read } from "../../consent/error-chain.js";
import { HostedAgentIdentityError, type ErrorCategory } from "../../errors.js";
import { ownErrorIn } from "../failure.js";

/**
 * What to throw for a failure that a framework reports. An error of this package inside it says more than the
 * framework does, so it stays what it is; anything else gets a code, and is kept as the cause.
 */
export function runFailed(cause: unknown, message?: string): unknown {
  if (ownErrorIn(cause) !== undefined) return cause;
  const status = httpStatusIn(cause);
  if (status === undefined)
    return new HostedAgentIdentityError("run_failed", isUnreachable(cause) ? unreachable : message, {
      cause,
    });
  return new HostedAgentIdentityError("run_failed", `The model's endpoint answered ${status}.`, {
    cause,
    category: categoryOf(status),
  });
}

const unreachable = "The model's endpoint could not be reached.";

/** Whether the network did not let a request through: codes of Node's sockets and name resolution. */
function isUnreachable(error: unknown): boolean {
  return [...errorChain(error)].some((one) =>
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(String(read(one, "code"))),
  );
}

/** The status of an HTTP answer, where errors of the AI SDK (`statusCode`) and of OpenAI's SDK (`status`) keep it. */
function httpStatusIn(error: unknown): number | undefined {
  for (const one of errorChain(error)) {
    for (const field of ["statusCode", "status"]) {
      const value = read(one, field);
      if (typeof value === "number" && Number.isInteger(value) && value >= 400 && value < 600) return value;
    }
  }
  return undefined;
}

function categoryOf(status: number): ErrorCategory {
  if (status === 429) return "throttle";
  return status < 500 ? "config" : "retry";
}
