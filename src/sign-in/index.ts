export { createSignIn } from "./create-sign-in.js";
export { type SignIn, type SignInOptions, type SignInStatus } from "./sign-in.js";
export { type Redeemed, type RefusedCode } from "./binding/redeem.js";
export { type SignInAgent } from "./link/agents.js";
export { type SignInBound, type SignInPending } from "./sign-in-internals.js";
export { type Account } from "./grants/grant.js";
export { type LongRunningOptions, type LongRunningTurn } from "./long-running/long-running.js";
export { type SignInStore } from "./stores/store.js";
export { fileStore, type FileStoreOptions } from "./stores/file.js";
export { memoryStore, type MemoryStoreOptions } from "./stores/memory.js";
export { redisStore, type RedisStoreOptions } from "./stores/redis.js";
export { remoteSignIn, type RemoteSignIn, type RemoteSignInOptions } from "./remote/remote-sign-in.js";
export {
  signInApi,
  type ServedAgent,
  type ServedSignIn,
  type SignInApi,
  type SignInApiOptions,
} from "./remote/sign-in-api.js";
export { type RedisClient, type RedisCommands, type RedisCallOptions } from "./stores/redis-client.js";
