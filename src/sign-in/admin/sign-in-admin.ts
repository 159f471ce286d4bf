import { principalKey } from "../../context/principal.js";
import { isGuid } from "../../entra/clouds.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { foundryEnvironment } from "../../foundry/environment.js";
import { check, count, label, milliseconds, optional, orElse, text } from "../../options/checks.js";
import { invalid } from "../../options/invalid.js";
import { readOptions, type OptionCheck, type OptionTable } from "../../options/option-table.js";
import type { AuditAction } from "../audit/audit-record.js";
import { endOf, ownerIn, type AuditEnd, type AuditFacts } from "../audit/auditor.js";
import { waitingUntil } from "../binding/pending.js";
import { allMessages } from "../binding/prompt.js";
import { messagesOfQuestions } from "../binding/question.js";
import type { FoundRecord, Grants } from "../grants/grant.js";
import { grantOwner, ownerProof } from "../grants/grant-owner.js";
import { readPin } from "../grants/pin.js";
import { isSame } from "../grants/record-changes.js";
import { workRecords } from "../long-running/work.js";
import { workList } from "../long-running/work-list.js";
import type { SignInContext } from "../sign-in-context.js";
import type { SignInInternals } from "../sign-in-internals.js";
import type {
  AdminExport,
  AdminGrant,
  AdminListOptions,
  AdminPage,
  AdminPerson,
  AdminPersonOptions,
  AdminReceipt,
  AdminRevokeOptions,
  SignInAdmin,
} from "./admin.js";
import { agentsOf, endAccount, endPrincipal, nothingEnded, ownersOf, sum, type Ended } from "./ending.js";

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

/** A person as the records know one. */
type Whose =
  | { readonly kind: "account"; readonly account: { readonly tid: string; readonly oid: string } }
  | { readonly kind: "platform"; readonly owner: string };

function whoseOf(person: AdminPerson): Whose {
  if ("oid" in person) {
    const account = { tid: person.tid.toLowerCase(), oid: person.oid.toLowerCase() };
    return { kind: "account", account };
  }
  const here = foundryEnvironment(process.env);
  const { platformUserId: id, project = here.projectEndpoint, agent = here.agentName } = person;
  if (project === undefined || agent === undefined)
    throw invalid("signIn.admin: person", "name the platform's project and agent: this process has none.");
  return { kind: "platform", owner: principalKey({ kind: "platform", project, agent, id }) };
}

async function endPlatformUser(service: SignInInternals, owner: string, erase: boolean): Promise<Ended> {
  let ended = nothingEnded;
  for (const agent of agentsOf(service))
    ended = sum(ended, await endPrincipal(service.coreOf(agent), service.grantsOf(agent), owner, erase));
  return ended;
}

/** How long one page may look for grants, in milliseconds: most records of a page may not be asked for. */
const pageMs = 2_000;

type ListAsked = AdminListOptions & { readonly limit: number };

async function listGrants(
  service: SignInInternals,
  asked: ListAsked,
  whose: Whose | undefined,
): Promise<AdminPage> {
  const { core } = service;
  const from = asked.cursor === undefined ? undefined : core.keys.open("admin", ["cursor"], asked.cursor);
  if (asked.cursor !== undefined && typeof from !== "string")
    throw invalid("signIn.admin.list: cursor", "expected next of the page before.");
  const page = whose === undefined ? scannedRecords(service) : recordsOf(service, whose);
  const { limit } = asked;
  const grants: AdminGrant[] = [];
  let [unreadable, foreign] = [0, 0];
  let next = typeof from === "string" ? from : undefined;
  const since = performance.now();
  do {
    const { records, next: after } = await page(next, limit - grants.length);
    for (const record of records) {
      if (record.status === "unreadable") unreadable += 1;
      else if (record.status === "another") foreign += 1;
      else if (record.status === "live" && isAsked(core.now(), record, asked))
        grants.push(shown(service, record));
    }
    next = after;
  } while (next !== undefined && grants.length < limit && performance.now() - since < pageMs);
  return {
    grants,
    next: next === undefined ? undefined : core.keys.seal("admin", ["cursor"], next),
    unreadable,
    foreign,
  };
}

type LiveRecord = Extract<FoundRecord, { readonly status: "live" }>;

type RecordPage = (
  cursor: string | undefined,
  limit: number,
) => Promise<{ readonly records: readonly FoundRecord[]; readonly next: string | undefined }>;

function scannedRecords(service: SignInInternals): RecordPage {
  const { core } = service;
  const { scan } = core.store;
  if (scan === undefined) throw new HostedAgentIdentityError("store_without_scan");
  return async (cursor, limit) => {
    const { records, next } = await scan("grant:", cursor, limit);
    return { records: records.map(([, value]) => found(service, value)), next };
  };
}

/** What a record is, at whichever agent of the service. */
function found(service: SignInInternals, value: string): FoundRecord {
  const first = service.grantsOf(service.core.agent).found(value);
  if (first.status !== "another" || !agentsOf(service).includes(first.address.agent)) return first;
  return service.grantsOf(first.address.agent).found(value);
}

function recordsOf(service: SignInInternals, whose: Whose): RecordPage {
  return async (cursor, limit) => {
    const places = await placesOf(service, whose);
    const at = Number(cursor ?? 0);
    const records = await Promise.all(
      places.slice(at, at + limit).map(({ grants, owner }) => grants.lookUp(owner)),
    );
    return {
      records: records.filter((one) => one !== undefined).filter((one) => isOf(whose, one)),
      next: at + limit < places.length ? String(at + limit) : undefined,
    };
  };
}

interface Place {
  readonly agent: string;
  readonly grants: Grants;
  readonly owner: string;
}

/** Where a person may have something, in an order that stays. */
async function placesOf(service: SignInInternals, whose: Whose): Promise<readonly Place[]> {
  const places: Place[] = [];
  for (const agent of agentsOf(service)) {
    const grants = service.grantsOf(agent);
    const owners = whose.kind === "account" ? await ownersOf(grants, whose.account) : [whose.owner];
    for (const owner of [...owners].sort()) places.push({ agent, grants, owner });
  }
  return places;
}

function isOf(whose: Whose, record: FoundRecord): boolean {
  return record.status !== "live" || whose.kind === "platform" || isSame(record.account, whose.account);
}

function isAsked(now: number, record: LiveRecord, { resource, olderThanMs }: AdminListOptions): boolean {
  if (record.until !== undefined && record.until <= now) return false;
  if (resource !== undefined && !record.resources.includes(new URL(resource).href)) return false;
  return olderThanMs === undefined || record.updatedAt <= now - olderThanMs;
}

function shown({ core }: SignInInternals, record: LiveRecord): AdminGrant {
  const { address, account, resources, scopes, signedInAt, updatedAt, until } = record;
  const { agent, principalKey: owner, issuer } = address;
  const known = grantOwner(owner);
  return {
    grant: core.keys.seal("admin", ["grant"], [agent, owner]),
    agent,
    account,
    principal: known === undefined || known.kind === "long-running" ? undefined : known,
    work: ownerIn(owner).work,
    issuer,
    resources,
    scopes,
    signedInAt,
    updatedAt,
    until,
  };
}

async function exportOf(service: SignInInternals, whose: Whose): Promise<AdminExport> {
  const grants: Omit<AdminGrant, "grant">[] = [];
  const pins: AdminExport["pins"][number][] = [];
  const works: AdminExport["works"][number][] = [];
  const waiting: AdminExport["waiting"][number][] = [];
  const messages: AdminExport["messages"][number][] = [];
  let unreadable = 0;
  for (const { agent, grants: kept, owner } of await placesOf(service, whose)) {
    const core = service.coreOf(agent);
    const record = await kept.lookUp(owner);
    if (record?.status === "unreadable") unreadable += 1;
    if (record !== undefined && !isOf(whose, record)) continue;
    if (record?.status === "live") {
      const { grant: _, ...rest } = shown(service, record);
      grants.push(rest);
    }
    const principal = grantOwner(owner);
    if (principal === undefined || principal.kind === "long-running") continue;
    const pin = ownerProof(owner)?.by === "code" ? await readPin(core, owner) : undefined;
    const pinned = pin === undefined || pin === "unreadable" ? undefined : pin.account;
    const isTheirs = whose.kind === "platform" || (pinned !== undefined && isSame(pinned, whose.account));
    if (pin === "unreadable") pins.push({ agent, principal, account: pin });
    else if (pinned !== undefined && isTheirs) pins.push({ agent, principal, account: pinned });
    for (const { id } of await workList(core, owner).all()) {
      const work = await workRecords(core).read(id);
      if (work !== undefined) works.push({ agent, purpose: work.purpose, until: work.until });
    }
    for (const expiresAt of await waitingUntil(core, owner)) waiting.push({ agent, expiresAt });
    if (isTheirs) messages.push(...(await messagesOf(core, owner)));
  }
  return { v: 1, at: service.core.now(), grants, pins, works, waiting, messages, unreadable };
}

async function messagesOf(core: SignInContext, owner: string): Promise<AdminExport["messages"]> {
  const kept = [...(await allMessages(core, owner)), ...(await messagesOfQuestions(core, owner))];
  return kept.map(({ prompt, title, earlier }) => ({ agent: core.agent, message: prompt, title, earlier }));
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
