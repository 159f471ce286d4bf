import { randomBytes } from "node:crypto";
import type { UserContext } from "../context/user-context.js";
import { idPrefixes, newId } from "../foundry/ids.js";
import type { RandomBytes } from "../runtime/runtime.js";

/** The platform's choice for this request, else a new id in the partition of its conversation. */
export function responseIdFor(
  { platform }: UserContext,
  previousResponseId: string | undefined,
  random: RandomBytes = randomBytes,
): string {
  const near = previousResponseId ?? platform.conversationId;
  return platform.responseId ?? newId(idPrefixes.response, random, near);
}
