/**
 * Adapters for Fastify 4.29 and newer, and 5.
 * @module fastify
 */
export { invocations } from "./fastify/invocations.js";
export { responses } from "./fastify/responses.js";
export { userContext } from "./fastify/user-context.js";
export { webHandler } from "./fastify/web-handler.js";
export { type WebHandler } from "./web-handler.js";
