import { createHash } from "node:crypto";
import { UserContext } from "hosted-agent-identity";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import type { SignInWorld } from "./signing-in.js";

/** A request that brought nothing but the platform's user id, which stands for one person if declared so. */
export function platformContext(id: string, declared = true, conversationId?: string): UserContext {
  return new UserContext({
    principal: declared
      ? { kind: "platform", project: "https://project.example.com", agent: "agent", id }
      : undefined,
    platform: { hosted: true, userId: id, ...(conversationId === undefined ? {} : { conversationId }) },
    clientHeaders: {},
    trace: {},
  });
}

/** A request that brought nothing that names anybody. */
export function nobody(): UserContext {
  return new UserContext({ platform: { hosted: false }, clientHeaders: {}, trace: {} });
}

/** A request with a person's token for the agent, as the verifier would hand it on. */
export function contextWith(token: string): UserContext {
  const claims = decodeClaims(token) ?? {};
  const user = { tid: String(claims.tid), oid: String(claims.oid) };
  const hash = createHash("sha256").update(token).digest("base64url");
  return new UserContext({
    principal: { kind: "entra", ...user },
    user,
    platform: { hosted: false },
    clientHeaders: {},
    trace: {},
    assertion: { token, hash, claims, use: "app" },
  });
}

export async function contextOf(world: SignInWorld, user: string): Promise<UserContext> {
  return contextWith(await world.entra.issueUserToken({ user, app: "agent" }));
}
