/**
 * Adapters for Hono 4.
 * @module hono
 */
export { invocations } from "./hono/invocations.js";
export { responses } from "./hono/responses.js";
export { userContext } from "./hono/user-context.js";
