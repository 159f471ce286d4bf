export { responses } from "./fastify/responses.js";
export { userContext } from "./fastify/user-context.js";
