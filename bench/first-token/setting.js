/** What the measured process is told: who asks for what, and where the token endpoint of the bench listens. */
export const said = JSON.parse(process.argv[2]);
// Where a runner of tests is said to be, nothing is loaded beforehand.
if (said.preload === false) process.env.NODE_ENV = "test";

/** Entra's own address, led to that endpoint. */
export function network(input, init) {
  return fetch(said.origin + String(input).slice(said.authority.length), init);
}

// The network's own first call is nobody's: all three would load the same code of Node.
await fetch(said.origin, { method: "HEAD" });

/** When the measured part begins. */
export function start() {
  return { wall: performance.now(), cpu: process.cpuUsage() };
}

/** Prints the milliseconds since then, of the clock and of the processor. */
export function taken({ wall, cpu }, isThere) {
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify(isThere ? { wall: performance.now() - wall, cpu: (user + system) / 1000 } : {}));
}
