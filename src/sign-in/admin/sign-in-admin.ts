import { isGuid } from "../../entra/clouds.js";
import { check, count, label, milliseconds, optional, orElse, text } from "../../options/checks.js";
import { invalid } from "../../options/invalid.js";
import { readOptions, type OptionCheck, type OptionTable } from "../../options/option-table.js";
import type { AuditAction } from "../audit/audit-record.js";
import { endOf, type AuditEnd, type AuditFacts } from "../audit/auditor.js";
import type { SignInInternals } from "../sign-in-internals.js";
import type {
  AdminListOptions,
  AdminPerson,
  AdminPersonOptions,
  AdminReceipt,
  AdminRevokeOptions,
  SignInAdmin,
} from "./admin.js";
import { agentsOf, endAccount, endPrincipal, nothingEnded, sum, type Ended } from "./ending.js";
import { exportOf } from "./export.js";
import { listGrants } from "./list.js";
import { whoseOf, type Whose } from "./person.js";

/** `signIn.admin` of a service. */
export function signInAdmin(service: SignInInternals): SignInAdmin {
  const { core } = service;
  const factsOf = (action: AuditAction, actor: string, person?: Whose): AuditFacts => ({
    action,
    agent: core.agent,
    actor,
    owner: person?.kind === "platform" ? person.owner : undefined,
    account: person?.kind === "account" ? person.account : undefined,
  });
  /** Reads personal data: not without its record, where the audit is required. */
  const reading = async <T>(
    facts: AuditFacts,
    read: () => Promise<T>,
    grantsIn: (result: T) => number,
  ): Promise<T> => {
    const end = await core.audit.begin(facts);
    return recorded(end, read, (result) => ({ outcome: "done", grants: grantsIn(result) }));
  };
  const ending = async (
    action: AdminReceipt["action"],
    facts: AuditFacts,
    work: () => Promise<Ended>,
  ): Promise<AdminReceipt> => {
    const end = (how: AuditEnd): void => core.audit.note(facts, how);
    const ended = await recorded(end, work, ({ grants }) => ({ outcome: "done", grants }));
    return { v: 1, at: core.now(), actor: facts.actor ?? "", action, ...ended, remains };
  };
  const endPerson = (whose: Whose, erase: boolean): Promise<Ended> =>
    whose.kind === "account"
      ? endAccount(service, { account: whose.account, erase })
      : endPlatformUser(service, whose.owner, erase);

  return Object.freeze<SignInAdmin>({
    async list(options) {
      const asked = readOptions("signIn.admin.list", adminListOptions, options);
      const whose = asked.person === undefined ? undefined : whoseOf(asked.person);
      return reading(
        factsOf("admin_list", asked.actor, whose),
        () => listGrants(service, asked, whose),
        ({ grants }) => grants.length,
      );
    },
    async export(options) {
      const { actor, person } = readOptions("signIn.admin.export", adminPersonOptions, options);
      const whose = whoseOf(person);
      return reading(
        factsOf("admin_export", actor, whose),
        () => exportOf(service, whose),
        ({ grants }) => grants.length,
      );
    },
    async revoke(options) {
      const { actor, grant } = readOptions("signIn.admin.revoke", adminRevokeOptions, options);
      const found = core.keys.open("admin", ["grant"], grant);
      const [agent, owner] = Array.isArray(found) ? (found as readonly unknown[]) : [];
      if (typeof agent !== "string" || typeof owner !== "string" || !agentsOf(service).includes(agent))
        throw invalid("signIn.admin.revoke: grant", "expected what list() of this service returned.");
      return ending("revoke", { action: "admin_revoke", agent, actor, owner }, () =>
        endPrincipal(service.coreOf(agent), service.grantsOf(agent), owner, false),
      );
    },
    async requireSignIn(options) {
      const { actor, person } = readOptions("signIn.admin.requireSignIn", adminPersonOptions, options);
      const whose = whoseOf(person);
      return ending("require_sign_in", factsOf("admin_require_sign_in", actor, whose), () =>
        endPerson(whose, false),
      );
    },
    async erase(options) {
      const { actor, person } = readOptions("signIn.admin.erase", adminPersonOptions, options);
      const whose = whoseOf(person);
      return ending("erase", factsOf("admin_erase", actor, whose), () => endPerson(whose, true));
    },
  });
}

const remains: readonly string[] = [
  "Entra keeps the refresh token until it expires or the account's sessions are revoked there.",
  "Access tokens that were issued stay valid at the resource until they expire, usually within the hour.",
  "The consent stays with Entra.",
  "A sealed record per principal, without a grant, stays for 90 days: it refuses what began before.",
];

async function recorded<T>(
  end: (how: AuditEnd) => void,
  work: () => Promise<T>,
  done: (result: T) => AuditEnd,
): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (cause) {
    end(endOf(cause));
    throw cause;
  }
  end(done(result));
  return result;
}

async function endPlatformUser(service: SignInInternals, owner: string, erase: boolean): Promise<Ended> {
  let ended = nothingEnded;
  for (const agent of agentsOf(service))
    ended = sum(ended, await endPrincipal(service.coreOf(agent), service.grantsOf(agent), owner, erase));
  return ended;
}

const actor: OptionCheck<string> = label(256);

const person: OptionCheck<AdminPerson> = check<AdminPerson>(
  "object",
  "{ tid, oid } with two GUIDs, or { platformUserId } with project and agent where this process has none",
  (value: Readonly<Record<string, unknown>>) => {
    const isText = (one: unknown): boolean => typeof one === "string" && one !== "" && one.length <= 2_048;
    if (value["platformUserId"] === undefined) return isGuid(value["tid"]) && isGuid(value["oid"]);
    const { platformUserId, project, agent } = value;
    const isFree = (one: unknown): boolean => one === undefined || isText(one);
    return value["oid"] === undefined && isText(platformUserId) && isFree(project) && isFree(agent);
  },
);

/** The options of `signIn.admin.list()`. */
export const adminListOptions: OptionTable<AdminListOptions, "limit"> = {
  actor,
  person: optional(person),
  resource: optional(check<string>("text", "the URL of a resource", (url: string) => URL.canParse(url))),
  olderThanMs: optional(milliseconds(1, Number.MAX_SAFE_INTEGER)),
  cursor: optional(text("next of the page before")),
  limit: orElse(count(1, 1_000), 100),
};

/** The options of the calls for one person. */
export const adminPersonOptions: OptionTable<AdminPersonOptions> = { actor, person };

/** The options of `signIn.admin.revoke()`. */
export const adminRevokeOptions: OptionTable<AdminRevokeOptions> = {
  actor,
  grant: text("grant of an entry of list()"),
};
