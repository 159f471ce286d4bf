export { userContext } from "./fastify/user-context.js";
