/**
 * Adapters for Fastify 5.
 * @module fastify
 */
export { responses } from "./fastify/responses.js";
export { userContext } from "./fastify/user-context.js";
export { webHandler } from "./fastify/web-handler.js";
export { type WebHandler } from "./web-handler.js";
