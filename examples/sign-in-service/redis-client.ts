import { createClient, createCluster } from "redis";

/**
 * A client for REDIS_URL; for a cluster, with REDIS_CLUSTER=true, one that knows all of its nodes. A cluster's nodes get
 * the user, password and TLS of the address too: without `defaults` only the first node would.
 */
export function redisClient() {
  const url = process.env["REDIS_URL"];
  if (url === undefined || url === "") throw new Error("The environment variable REDIS_URL is not set.");
  if (process.env["REDIS_CLUSTER"] !== "true") return createClient({ url });
  const { hostname, username, password, protocol } = new URL(url);
  return createCluster({
    rootNodes: [{ url }],
    defaults: {
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
      // Nodes may give themselves addresses that are not in the certificate.
      socket: protocol === "rediss:" ? { tls: true, servername: hostname } : {},
    },
  });
}
