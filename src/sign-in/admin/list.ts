import { HostedAgentIdentityError } from "../../errors.js";
import { invalid } from "../../options/invalid.js";
import { ownerIn } from "../audit/auditor.js";
import type { FoundRecord } from "../grants/grant.js";
import { grantOwner } from "../grants/grant-owner.js";
import type { SignInInternals } from "../sign-in-internals.js";
import type { AdminGrant, AdminListOptions, AdminPage } from "./admin.js";
import { agentsOf } from "./ending.js";
import { isOf, placesOf, type Whose } from "./person.js";

/** How long one page may look for grants, in milliseconds: most records of a page may not be asked for. */
const pageMs = 2_000;

export type ListAsked = AdminListOptions & { readonly limit: number };

/** One page of the grants that are asked for. */
export async function listGrants(
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

export type LiveRecord = Extract<FoundRecord, { readonly status: "live" }>;

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

function isAsked(now: number, record: LiveRecord, { resource, olderThanMs }: AdminListOptions): boolean {
  if (record.until !== undefined && record.until <= now) return false;
  if (resource !== undefined && !record.resources.includes(new URL(resource).href)) return false;
  return olderThanMs === undefined || record.updatedAt <= now - olderThanMs;
}

/** A grant as an operator sees it. */
export function shown({ core }: SignInInternals, record: LiveRecord): AdminGrant {
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
