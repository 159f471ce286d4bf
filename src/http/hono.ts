/**
 * Adapters for Hono 4.
 * @module hono
 */
export { responses } from "./hono/responses.js";
export { userContext } from "./hono/user-context.js";
