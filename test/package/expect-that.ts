/** For what runs outside of a test runner. */
export function expectThat(holds: boolean | undefined, otherwise: string): asserts holds is true {
  if (holds !== true) throw new Error(otherwise);
}
