import { resolve } from "node:path";

export default {
  // Packages are two folders up, beside the runs.
  turbopack: { root: resolve(import.meta.dirname, "../..") },
  // A run is thrown away: what it would keep for the next build costs ten seconds.
  experimental: { turbopackFileSystemCacheForBuild: false },
};
