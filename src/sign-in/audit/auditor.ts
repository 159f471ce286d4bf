import { inBackground } from "../../async/deadline.js";
import { runWithoutUserContext } from "../../context/ambient.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../../errors.js";
import { emit, type OnEvent } from "../../events/events.js";
import { digest } from "../../sealing/digest.js";
import { grantOwner } from "../grants/grant-owner.js";
import type { AuditAction, AuditRecord, SignInAudit } from "./audit-record.js";

/** What a record says, but for how it ended. */
export interface AuditFacts extends Pick<AuditRecord, "agent" | "resource" | "scopes" | "actor"> {
  readonly action: AuditAction;
  /** The key of the principal, or of long-running work. */
  readonly owner?: string | undefined;
  readonly account?: { readonly tid: string; readonly oid: string } | undefined;
}

export type AuditEnd = Required<Pick<AuditRecord, "outcome">> &
  Pick<AuditRecord, "reason" | "account" | "grants">;

/** Writes the audit of a sign-in service. */
export interface Auditor {
  /**
   * Writes that something is about to be given, and waits for it. Returns what writes how it ended, in the background:
   * nothing that was given waits for its record. Throws `audit_unavailable` where the audit is required.
   */
  begin(facts: AuditFacts): Promise<(end: AuditEnd) => void>;
  /** Runs what gives something between the two records. */
  around<T>(facts: AuditFacts, work: () => Promise<T>): Promise<T>;
  /** Writes what has happened, in the background: it is never held up. */
  note(facts: AuditFacts, end: AuditEnd): void;
  /** Waits for records that are being written, no longer than each may take. */
  close(): Promise<void>;
}

interface AuditWiring {
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly onEvent?: OnEvent | undefined;
}

/** Without the option `audit`. */
export const noAudit: Auditor = Object.freeze({
  begin: async () => () => undefined,
  around: (_facts: AuditFacts, work: () => Promise<never>) => work(),
  note: () => undefined,
  close: async () => undefined,
});

/** A sink that hangs must not make this process keep every record. */
const maxWriting = 1_000;

export function auditor(audit: SignInAudit | undefined, { now, random, onEvent }: AuditWiring): Auditor {
  if (audit === undefined) return noAudit;
  const { required = false, timeoutMs = 250 } = audit;
  const writing = new Set<Promise<boolean>>();

  /** Whether the record was written in time. */
  const write = (record: AuditRecord): Promise<boolean> => {
    const failed = (reason: "timeout" | "error" | "too_many"): boolean => {
      emit(onEvent, { type: "audit_failed", action: record.action, stage: record.stage, reason, required });
      return false;
    };
    if (writing.size >= maxWriting) return Promise.resolve(failed("too_many"));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"timeout">((resolve) => {
      timer = inBackground(setTimeout(() => resolve("timeout"), timeoutMs));
    });
    const written = runWithoutUserContext(async () => audit.write(Object.freeze(record))).then(
      () => "written" as const,
      () => "error" as const,
    );
    const done = Promise.race([written, late]).then((end) => {
      clearTimeout(timer);
      return end === "written" || failed(end);
    });
    // Until the sink has answered, not only until we stop waiting: these are what it holds.
    const held = written.then(() => done).finally(() => writing.delete(held));
    writing.add(held);
    return done;
  };

  const recordOf = (facts: AuditFacts, id: string): Omit<AuditRecord, "stage"> => {
    const { action, agent, owner, account, resource, scopes, actor } = facts;
    const { principal, work } = ownerIn(owner);
    const at = now();
    return {
      v: 1,
      id,
      at,
      action,
      agent,
      principal,
      work,
      account: account === undefined ? undefined : { tid: account.tid, oid: account.oid },
      resource,
      scopes,
      actor,
    };
  };
  const newId = (): string => Buffer.from(random(16)).toString("hex");
  const noteAs = (id: string, facts: AuditFacts, end: AuditEnd): void => {
    const { account = facts.account, outcome, reason, grants } = end;
    void write({ ...recordOf({ ...facts, account }, id), stage: "outcome", outcome, reason, grants });
  };

  const begin: Auditor["begin"] = async (facts) => {
    const id = newId();
    const isWritten = await write({ ...recordOf(facts, id), stage: "attempt" });
    if (!isWritten && required) throw new HostedAgentIdentityError("audit_unavailable");
    return (end) => noteAs(id, facts, end);
  };
  return {
    begin,
    async around(facts, work) {
      const end = await begin(facts);
      try {
        const result = await work();
        end({ outcome: "done" });
        return result;
      } catch (cause) {
        end(endOf(cause));
        throw cause;
      }
    },
    note: (facts, end) => noteAs(newId(), facts, end),
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
      await Promise.race([Promise.allSettled(writing), late]);
      clearTimeout(timer);
    },
  };
}

/** How something ended that threw. Only our own codes are named: another error may quote anything. */
export function endOf(cause: unknown): AuditEnd {
  if (!isHostedAgentIdentityError(cause)) return { outcome: "failed", reason: "unexpected" };
  const { code, category } = cause;
  return { outcome: category === "retry" || category === "config" ? "failed" : "refused", reason: code };
}

/** Who an owner of grants is, for a record. The id of long-running work lets a process act as its user. */
export function ownerIn(owner: string | undefined): { readonly principal?: string; readonly work?: string } {
  if (owner === undefined) return {};
  const known = grantOwner(owner);
  return known?.kind === "long-running" ? { work: digest(known.id).slice(0, 16) } : { principal: owner };
}
