import { unexpected } from "../options/invalid.js";
import { nested, type KeyOfAny, type OptionCheck, type OptionTable } from "../options/option-table.js";

/** The members of all forms of a union in one object. */
type EveryForm<O> = { readonly [K in KeyOfAny<O>]?: MemberOf<O, K> | undefined };
type MemberOf<O, K> = O extends unknown ? (K extends keyof O ? O[K] : never) : never;

/** One of several objects that differ in `type`. `needs` names what a type cannot do without. */
export function byType<O extends { readonly type: string }>(
  table: OptionTable<EveryForm<O>>,
  needs: { readonly [K in O["type"]]?: readonly KeyOfAny<O>[] },
): OptionCheck<O> {
  const { kind, expected, optional, parts, read } = nested<EveryForm<O>>(table);
  return {
    kind,
    expected,
    optional,
    parts,
    read(value, at) {
      const form = read(value, at) as EveryForm<O> & O;
      const missing = needs[form.type as O["type"]]?.find((name) => form[name] === undefined);
      if (missing === undefined) return form;
      throw unexpected(`${at}.${String(missing)}`, parts?.[String(missing)]?.expected ?? "", undefined, "");
    },
  };
}
