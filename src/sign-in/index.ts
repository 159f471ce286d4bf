export { createSignIn } from "./create-sign-in.js";
export { type KeepPromptOptions, type SignIn, type SignInOptions, type SignInStatus } from "./sign-in.js";
export { type ChatAnswers } from "./binding/answer.js";
export { type Redeemed, type RefusedCode } from "./binding/redeemed.js";
export { type SignInAgent } from "./link/agents.js";
export { type SignInBound, type SignInPending } from "./sign-in-internals.js";
export {
  type AdminExport,
  type AdminGrant,
  type AdminListOptions,
  type AdminPage,
  type AdminPerson,
  type AdminPersonOptions,
  type AdminReceipt,
  type AdminRevokeOptions,
  type SignInAdmin,
} from "./admin/admin.js";
export { type AuditAction, type AuditRecord, type SignInAudit } from "./audit/audit-record.js";
export { type SignInBranding } from "./pages/branding.js";
export { signInTexts } from "./texts/languages.js";
export { type SignInText, type SignInTexts } from "./texts/texts.js";
export { type Account } from "./grants/grant.js";
export { type LongRunningOptions, type LongRunningTurn } from "./long-running/long-running.js";
export { type ScannedPage, type SignInStore } from "./stores/store.js";
export { memoryStore, type MemoryStoreOptions } from "./stores/memory.js";
export { postgresStore, type PostgresStoreOptions } from "./stores/postgres.js";
export type { PostgresConnection, PostgresPool } from "./stores/postgres-calls.js";
export { redisStore, type RedisStoreOptions } from "./stores/redis.js";
export { sqliteStore, type SqliteStoreOptions } from "./stores/sqlite.js";
export { remoteSignIn, type RemoteSignIn, type RemoteSignInOptions } from "./remote/remote-sign-in.js";
export { type ServedAgent, type ServedSignIn } from "./remote/served-agent.js";
export { signInApi, type SignInApi, type SignInApiOptions } from "./remote/sign-in-api.js";
export {
  type RedisClient,
  type RedisNode,
  type RedisNodeClient,
  type RedisNodeCommands,
  type RedisCommands,
  type RedisCallOptions,
} from "./stores/redis-client.js";
