import type { Mutant } from "./mutant.js";

const attempts = ["test/sign-in/flow/attempts.test.ts"];
const names = ["test/sign-in/grants/record-names.test.ts"];
const index = ["test/sign-in/grants/account-index.test.ts"];
const quotas = ["test/sign-in/stores/quotas.test.ts"];
const work = ["test/sign-in/long-running.test.ts"];

/** The bounds of what sign-in stores: in bytes, for each owner, and never at the price of a grant. */
export const boundMutants: readonly Mutant[] = [
  {
    name: "anybody-makes-the-store-keep-an-generation",
    rule: 19,
    find: "return service.grantsOf(ticket.agent).knownEpoch(ticketPrincipal(ticket));",
    replace: "return service.grantsOf(ticket.agent).generation(ticketPrincipal(ticket));",
    tests: attempts,
  },
  {
    name: "a-mark-without-a-redeemed-code",
    rule: 19,
    find: "const known = await generationOf(service, ticket);",
    replace:
      "await countOnce(core, browser, { ...attempt, id: code }); const known = await generationOf(service, ticket);",
    tests: attempts,
  },
  {
    name: "sign-ins-at-once-without-bound",
    rule: 19,
    find: "const slots = [1, 2, 3] as const;",
    replace: "const slots = [1, 2, 3, 4, 5] as const;",
    tests: attempts,
  },
  {
    name: "the-newest-sign-in-is-pushed-out",
    rule: 19,
    find: "(one.at < oldest.at ? one : oldest)",
    replace: "(one.at > oldest.at ? one : oldest)",
    tests: attempts,
  },
  {
    name: "a-link-of-any-size",
    rule: 19,
    find: "if (packed({ body, signature }).length > maxPacked)",
    replace: "if (false as boolean)",
    tests: attempts,
  },
  {
    name: "a-full-index-forgets-the-oldest",
    rule: 19,
    find: "return Buffer.byteLength(JSON.stringify(next)) > maxIndexBytes ? undefined : next;",
    replace: "return Buffer.byteLength(JSON.stringify(next)) > maxIndexBytes ? next.slice(1) : next;",
    tests: index,
  },
  {
    name: "an-index-without-bound",
    rule: 19,
    find: "return Buffer.byteLength(JSON.stringify(next)) > maxIndexBytes ? undefined : next;",
    replace: "return next;",
    tests: index,
  },
  {
    name: "a-full-index-drops-the-living",
    rule: 19,
    find: "if (at + settledMs > now() || (await hasGrant(owner, account))) return true;",
    replace: "if (at + settledMs > now()) return true;",
    tests: index,
  },
  {
    name: "a-full-index-drops-who-is-signing-in",
    rule: 19,
    find: "if (at + settledMs > now() || (await hasGrant(owner, account))) return true;",
    replace: "if (await hasGrant(owner, account)) return true;",
    tests: index,
  },
  {
    name: "a-full-index-drops-who-signed-in-again",
    rule: 19,
    find: "(one) => one.owner !== owner && !dead.has(JSON.stringify(one))",
    replace:
      "(one) => one.owner !== owner && ![...dead].some((text) => JSON.parse(text).owner === one.owner)",
    tests: index,
  },
  {
    name: "a-full-index-drops-a-chat-that-keeps-to-its-account",
    rule: 19,
    find: 'pinned !== undefined && (pinned === "unreadable" || isSame(pinned.account, account))',
    replace: 'pinned === "unreadable"',
    tests: index,
  },
  {
    name: "work-that-ended-stays-in-the-index",
    rule: 19,
    find: "entries.filter(({ until = Infinity }) => until > now());",
    replace: "entries.filter(({ until = Infinity }) => until > 0);",
    tests: index,
  },
  {
    name: "an-index-dies-with-the-old-key",
    rule: 10,
    find: "|| !keys.isCurrent(text)",
    replace: "",
    tests: names,
  },
  {
    name: "names-that-can-be-recomputed",
    rule: 10,
    find: 'createHmac("sha256", key).update(text).digest("base64url")',
    replace: 'createHmac("sha256", "").update(text).digest("base64url")',
    tests: names,
  },
  {
    name: "names-that-change-with-the-key",
    rule: 10,
    find: "const counts = oldest(found) ?? mine(texts, wall);",
    replace: "const counts = mine([], wall);",
    tests: names,
  },
  {
    name: "names-begun-anew-over-what-cannot-be-read",
    rule: 10,
    find: "if (texts.some((text) => text !== undefined)) throw unreadable();",
    replace: "",
    tests: names,
  },
  {
    name: "names-by-the-order-of-the-keys",
    rule: 10,
    find: "a.begun - b.begun ||",
    replace: "",
    tests: names,
  },
  {
    name: "names-of-a-store-that-was-lost",
    rule: 10,
    find: "!isPast(clocks, freshUntil)",
    replace: "freshUntil.at > 0",
    tests: names,
  },
  {
    name: "forgotten-under-one-name-only",
    rule: 10,
    find: `for (const name of namesOf(binding))
        inBackground(name, async () => {
          const [sealed] = (await calls.read([name])) ?? [];
          const seen`,
    replace: `for (const name of namesOf(binding).slice(0, 1))
        inBackground(name, async () => {
          const [sealed] = (await calls.read([name])) ?? [];
          const seen`,
    tests: ["test/tokens/shared-cache.test.ts"],
  },
  {
    name: "prompts-without-number",
    rule: 19,
    find: "const kept = list.slice(-records);",
    replace: "const kept = list.slice(records > 0 ? 0 : 1);",
    tests: quotas,
  },
  {
    name: "prompts-without-bytes",
    rule: 19,
    find: "while (size > bytes && kept.length > 1)",
    replace: "while (size > bytes && (false as boolean))",
    tests: quotas,
  },
  {
    name: "a-prompt-of-any-size",
    rule: 19,
    find: "if (sealed.length > limits.bytes) return false;",
    replace: "",
    tests: quotas,
  },
  {
    name: "prompts-that-nobody-counts-stay",
    rule: 19,
    find: "for (const one of gone) await store.delete(keyOf(one.name));",
    replace: "",
    tests: quotas,
  },
  {
    name: "codes-that-nobody-counts-stay",
    rule: 19,
    find: "for (const one of gone) await core.store.delete(keyOf(core, owner, one.id));",
    replace: "",
    tests: quotas,
  },
  {
    name: "a-sign-out-leaves-codes-in-the-store",
    rule: 19,
    find: "for (const { id } of await waitingOf(core, owner).read()) await core.store.delete(keyOf(core, owner, id));",
    replace: "",
    tests: quotas,
  },
  {
    name: "work-without-number",
    rule: 19,
    find: "works.length >= limits.works || size > limits.bytes",
    replace: "size > limits.bytes",
    tests: quotas,
  },
  {
    name: "work-without-bytes",
    rule: 19,
    find: "works.length >= limits.works || size > limits.bytes",
    replace: "works.length >= limits.works",
    tests: work,
  },
  {
    name: "work-at-once-without-number",
    rule: 19,
    find: "if (isFull(others, work.bytes)) throw quotaReached(others.length);",
    replace: "",
    tests: quotas,
  },
  {
    name: "work-that-begins-is-taken-for-dead",
    rule: 19,
    find: "at + settledMs <= now() && !(await isLive(id))",
    replace: "!(await isLive(id))",
    tests: work,
  },
  {
    name: "work-that-lives-makes-room",
    rule: 19,
    find: "at + settledMs <= now() && !(await isLive(id))",
    replace: "at + settledMs <= now()",
    tests: work,
  },
  {
    name: "work-counts-after-its-end",
    rule: 19,
    find: "await workList(core, keyOf(work.principal)).remove(id);",
    replace: "",
    tests: quotas,
  },
  {
    name: "work-counts-after-a-sign-out",
    rule: 19,
    find: "one.until > now() && one.generation === generation",
    replace: "one.until > now()",
    tests: quotas,
  },
  {
    name: "work-that-came-to-nothing-counts",
    rule: 19,
    find: "await works.remove(id).catch(() => undefined);",
    replace: "",
    tests: work,
  },
  {
    name: "no-room-for-grants-by-number",
    rule: 19,
    find: "share * limits.maxEntries",
    replace: "limits.maxEntries",
    tests: quotas,
  },
  {
    name: "no-room-for-grants-by-bytes",
    rule: 19,
    find: "share * limits.maxBytes",
    replace: "limits.maxBytes",
    tests: quotas,
  },
  {
    name: "a-full-store-ends-nothing",
    rule: 19,
    find: "if (more === 0 && added <= 0) return true;",
    replace: "",
    tests: quotas,
  },
];
