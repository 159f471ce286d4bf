/**
 * The agent in a process of its own, set up by environment variables: SHAPE says how people sign in, and
 * shapes.ts what each shape needs.
 */
import { startAgent, type AgentSignIn } from "./agent.js";
import { env } from "../env.js";
import { signInAlone, signInWithRedis } from "./own-sign-in.js";
import { signInAtService } from "./remote-sign-in.js";
import type { ShapeName } from "./shapes.js";

const signIns: Readonly<Record<ShapeName, () => AgentSignIn>> = {
  "one-process": signInAlone,
  redis: signInWithRedis,
  cluster: signInWithRedis,
  remote: signInAtService,
};

await startAgent(signIns[env("SHAPE") as ShapeName](), Number(env("PORT")));
console.log("The agent is ready.");
