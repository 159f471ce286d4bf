/**
 * The demo's agent on Redis as a process that a test can tell what time it is, and whom to sign out. Messages:
 * `{ aheadMs }` and `{ signOut: "<platform user id>" }`, each answered with "done"; "ready" comes first.
 */
import { startAgent } from "../../examples/chat/no-user-token/agent.js";
import { env } from "../../examples/chat/env.js";
import { signInWithRedis } from "../../examples/chat/no-user-token/own-sign-in.js";

/** What a test tells the process. */
export interface Told {
  readonly aheadMs?: number;
  readonly signOut?: string;
}

let aheadMs = 0;
const now = (): number => Date.now() + aheadMs;
const own = signInWithRedis({ now });
process.on("message", (told: Told) => {
  aheadMs = told.aheadMs ?? aheadMs;
  const id = told.signOut;
  const project = "https://foundry.example.com/projects/demo";
  const work =
    id === undefined
      ? Promise.resolve()
      : own.signIn.signOut({ kind: "platform", project, agent: "contacts", id });
  work.then(
    () => process.send?.("done"),
    (error: unknown) => process.send?.(`failed: ${String(error)}`),
  );
});
process.once("disconnect", () => process.exit(0));
await startAgent(own, Number(env("PORT")), now);
process.send?.("ready");
