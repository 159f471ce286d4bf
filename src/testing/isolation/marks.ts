import { randomBytes } from "node:crypto";

/**
 * Words that stand in nobody else's text, so that whatever holds one is known to come from there. Always
 * random, also where the run is repeated: an agent that remembers an earlier run must not pass for a good one.
 */
export const newNonce = (): string => `question-${randomBytes(8).toString("hex")}`;
export const newReceipt = (): string => `receipt-${randomBytes(8).toString("hex")}`;

export const noncesIn = (text: string): string[] => found(text, /question-[0-9a-f]{16}/g);
export const receiptsIn = (text: string): string[] => found(text, /receipt-[0-9a-f]{16}/g);

function found(text: string, mark: RegExp): string[] {
  return [...new Set(text.match(mark))];
}
