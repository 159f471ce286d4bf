import { randomBytes } from "node:crypto";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Ids as the platform makes them. Source: agent-framework-js, packages/agentserver/src/ids.ts. */
export const newIds = {
  response: (near?: string): string => newId("caresp", near),
  item: (near?: string): string => newId("msg", near),
};

/** `{prefix}_{partition key, 18}{32}`; ids of a conversation share the partition key. */
function newId(prefix: string, near: string | undefined): string {
  const known = /^[A-Za-z0-9]+_([A-Za-z0-9]{18})[A-Za-z0-9]{32}$/.exec(near ?? "")?.[1];
  const key = known ?? `${randomBytes(8).toString("hex")}00`;
  const entropy = Array.from(randomBytes(32), (byte) => alphabet[byte % alphabet.length]).join("");
  return `${prefix}_${key}${entropy}`;
}
