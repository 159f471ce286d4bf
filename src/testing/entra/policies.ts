import { randomUUID } from "node:crypto";
import type { Account, EntraApp } from "./directory-objects.js";
import type { Directory } from "./directory.js";
import { policyOption } from "./option-checks.js";
import type { EntraGrant, EntraPolicy } from "./policy-types.js";

/**
 * A policy in force.
 *
 * @group Test kit
 */
export type ActivePolicy = EntraPolicy & {
  readonly id: string;
  /** How often it still applies. */
  left: number;
};

/**
 * Changes what Entra answers while it runs.
 *
 * @group Test kit
 */
export interface EntraPolicies {
  /** Puts a policy in force and returns it with its id, for `remove`. Throws `invalid_option` for fields of another kind and for unknown names. */
  add(policy: EntraPolicy): ActivePolicy;
  remove(policy: string | { readonly id: string }): void;
  clear(): void;
  list(): readonly ActivePolicy[];
}

export interface Policies extends EntraPolicies {
  /** The first policy of one of these types that is about the request; counts it as applied. */
  take(types: readonly EntraPolicy["type"][], subject: PolicySubject): ActivePolicy | undefined;
  /** The same without counting: what a sign-in page asks before any token is asked for. */
  peek(types: readonly EntraPolicy["type"][], subject: PolicySubject): ActivePolicy | undefined;
}

/** What is known of a request when policies are asked. */
export interface PolicySubject {
  readonly endpoint: "token" | "keys" | "discovery" | "authorize";
  readonly client?: EntraApp | undefined;
  readonly resource?: EntraApp | undefined;
  readonly account?: Account | undefined;
  readonly grant?: EntraGrant | undefined;
  /** Policies and authentication contexts the sign-in satisfied: those are passed over. */
  readonly satisfied?: readonly string[];
}

export function createPolicies(directory: Directory, first: readonly EntraPolicy[]): Policies {
  let active: ActivePolicy[] = [];
  const enforce = (policy: EntraPolicy): ActivePolicy => {
    // Names are looked up now, so that a typing error is an error and not a policy that never applies.
    if (policy.user !== undefined) directory.user(policy.user);
    if (policy.client !== undefined) directory.app(policy.client);
    if (policy.resource !== undefined) directory.app(policy.resource);
    const left = policy.times ?? Number.POSITIVE_INFINITY;
    const added = { ...policy, id: randomUUID(), left: policy.type === "swap" ? 2 : left };
    active.push(added);
    return added;
  };
  const policies: Policies = {
    add: (policy) => enforce(policyOption.read(policy, "policies.add: policy")),
    remove: (policy) => {
      const id = typeof policy === "string" ? policy : policy.id;
      active = active.filter((one) => one.id !== id);
    },
    clear: () => {
      active = [];
    },
    list: () => active,
    peek: (types, subject) =>
      active.find(
        (policy) => types.includes(policy.type) && policy.left > 0 && matches(directory, policy, subject),
      ),
    take: (types, subject) => {
      const found = policies.peek(types, subject);
      if (found === undefined) return undefined;
      found.left -= 1;
      if (found.left <= 0) policies.remove(found);
      return found;
    },
  };
  for (const policy of first) enforce(policy);
  return policies;
}

function matches(directory: Directory, policy: ActivePolicy, subject: PolicySubject): boolean {
  const { user, client, resource, grant, endpoint = "token" } = policy;
  if (endpoint !== subject.endpoint) return false;
  if (grant !== undefined && grant !== subject.grant) return false;
  if (client !== undefined && directory.app(client) !== subject.client) return false;
  if (resource !== undefined && directory.app(resource) !== subject.resource) return false;
  if (user !== undefined && directory.user(user) !== subject.account?.user) return false;
  const need = policy.type === "auth_context" ? policy.value : policy.id;
  return subject.satisfied?.includes(need) !== true;
}
