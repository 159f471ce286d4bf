/** What the measured process is told: who asks for what, and where the token endpoint of the bench listens. */
export const said = JSON.parse(process.argv[2]);

/** Entra's own address, led to that endpoint. */
export function network(input, init) {
  return fetch(said.origin + String(input).slice(said.authority.length), init);
}

// The network's own first call is nobody's: all three would load the same code of Node.
await fetch(said.origin, { method: "HEAD" });
