/**
 * State that all copies of this package in a process share, made by whichever needs it first: its entries, two
 * installs, a bundled copy beside an installed one. The number in the name goes up with the shape, so that no copy
 * meets state that it cannot read. Not enumerable: printing `globalThis` does not show it.
 */
export function processState<T extends object>(name: `${string}/${number}`, make: () => T): T {
  const key = Symbol.for(`hosted-agent-identity/${name}`);
  const known = (globalThis as { [key: symbol]: T | undefined })[key];
  if (known !== undefined) return known;
  const made = make();
  Object.defineProperty(globalThis, key, { value: made });
  return made;
}
