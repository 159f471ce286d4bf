import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { listening } from "./listening.js";

/** A real `oidc-provider` on loopback, which replaces refresh tokens and ends a grant whose token is used twice. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Grants the client offline access as a sign-in does. Returns the refresh token. */
  grant(subject: string): Promise<string>;
  /** The refreshes and revocations that it has decided, in this order. */
  readonly requests: readonly ServerRequest[];
  /** Awaited when a request arrives, and when it has been decided and not answered yet. It gets the header `x-scene`. */
  pause(at: { readonly arrived?: Pause; readonly decided?: Pause }): void;
  close(): Promise<void>;
}

type Pause = (scene: string) => Promise<void>;

/** A request, without its token. */
export interface ServerRequest {
  readonly what: "refresh" | "revocation";
  /** See {@link digestOf}. */
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly arrivedAt: number;
  readonly status: number;
}

/** Names a token without showing it. */
export function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url").slice(0, 16);
}

const day = 24 * 3_600;

/** `rotates: false`: it returns the same refresh token, as it does by default for most of the token's life. */
export async function startAuthorizationServer({ rotates = true } = {}): Promise<AuthorizationServer> {
  const server = createServer();
  const { url: issuer, close } = await listening(server);
  const [clientId, clientSecret] = ["agent", "a-secret-of-the-client-of-this-server"];
  const settings = {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["http://127.0.0.1/callback"],
        response_types: ["code"],
      },
    ],
    rotateRefreshToken: () => rotates,
    features: {
      revocation: { enabled: true, allowedPolicy: () => true },
      devInteractions: { enabled: false },
    },
    findAccount: (_request: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    scopes: ["openid", "offline_access"],
    ttl: { AccessToken: 3_600, IdToken: 3_600, RefreshToken: 90 * day, Grant: 90 * day },
  };
  const provider = await quietly(async () => {
    const { default: Provider } = await import("oidc-provider");
    return new Provider(issuer, settings);
  });
  const requests: ServerRequest[] = [];
  let pauses: Parameters<AuthorizationServer["pause"]>[0] = {};
  provider.use(async (request, next) => {
    const arrivedAt = Date.now();
    const mine = pauses;
    const scene = request.get("x-scene");
    await mine.arrived?.(scene);
    await next();
    const { refresh_token: refreshed, token: revoked } = request.oidc?.params ?? {};
    const token = refreshed ?? revoked;
    if (token !== undefined)
      requests.push({
        what: refreshed === undefined ? "revocation" : "refresh",
        token: digestOf(token),
        arrivedAt,
        status: request.status,
      });
    await mine.decided?.(scene);
  });
  server.on("request", provider.callback());
  return {
    issuer,
    clientId,
    clientSecret,
    requests,
    pause: (at) => void (pauses = at),
    async grant(subject) {
      const scope = "openid offline_access";
      const grant = new provider.Grant({ accountId: subject, clientId });
      grant.addOIDCScope(scope);
      const client = await provider.Client.find(clientId);
      const grantId = await grant.save();
      const authTime = Math.floor(Date.now() / 1_000);
      const gty = "authorization_code";
      return new provider.RefreshToken({ accountId: subject, client, grantId, scope, gty, authTime }).save();
    },
    close,
  };
}

/** It warns of Node 20, which it runs on all the same, and of keys and storage that are for tests. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return await work();
  } finally {
    console.warn = warn;
  }
}
