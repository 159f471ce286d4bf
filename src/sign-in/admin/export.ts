import { readPin } from "../grants/pin.js";
import { waitingUntil } from "../binding/pending.js";
import { allMessages } from "../binding/prompt.js";
import { messagesOfQuestions } from "../binding/question.js";
import { grantOwner, ownerProof } from "../grants/grant-owner.js";
import { isSame } from "../grants/record-changes.js";
import { workRecords } from "../long-running/work.js";
import { workList } from "../long-running/work-list.js";
import type { SignInContext } from "../sign-in-context.js";
import type { SignInInternals } from "../sign-in-internals.js";
import type { AdminExport, AdminGrant } from "./admin.js";
import { shown } from "./list.js";
import { isOf, placesOf, type Whose } from "./person.js";

/** Everything that is kept of a person, without a secret. */
export async function exportOf(service: SignInInternals, whose: Whose): Promise<AdminExport> {
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
