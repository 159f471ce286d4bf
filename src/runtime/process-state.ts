/**
 * State that all copies of this package in a process share: its entries, two installs, a bundled copy beside an
 * installed one. The first copy that needs it creates it. Raise the number in the name when the shape changes, so that
 * no copy reads state of another shape. Not enumerable: printing `globalThis` does not show it.
 */
export function processState<T extends object>(name: `${string}/${number}`, make: () => T): T {
  const key = Symbol.for(`hosted-agent-identity/${name}`);
  const known = (globalThis as { [key: symbol]: T | undefined })[key];
  if (known !== undefined) return known;
  const made = make();
  Object.defineProperty(globalThis, key, { value: made });
  return made;
}
