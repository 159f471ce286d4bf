export { userContext, type NodeUserContext } from "./node/user-context.js";
