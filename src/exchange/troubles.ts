/** The users in trouble within the last seconds: what tells one user's trouble from everybody's. */
export interface Troubles {
  note(trouble: Trouble): void;
  /** A user of the tenant was answered: it is not throttled, and the cloud is well. */
  answered(tenant: string): void;
  /** Whether so many users of the tenant are in trouble that the trouble is the tenant's. */
  isOfTenant(tenant: string): boolean;
  /** Whether so many users of several tenants are in trouble with the cloud itself that it is down. */
  isOutage(): boolean;
}

/** One user's trouble. */
export interface Trouble {
  readonly person: string;
  readonly tenant: string;
  /** A 5xx, or no answer: it may be the cloud's. A 429 is the person's, or the client's in that tenant. */
  readonly ofCloud: boolean;
}

/** One user's trouble says nothing about the tenant; that of this many in so short a time does. */
const distinctPeople = 5;
const windowMs = 10_000;
/** A tenant may be hostile or throttled: no more than this many of its users count toward an outage. */
const countedOfTenant = 3;
const maxKept = 1_000;

/** Makes an empty list. */
export function troubles(age: () => number): Troubles {
  let recent: readonly (Trouble & { readonly at: number })[] = [];

  return {
    note(trouble) {
      const at = age();
      const others = recent.filter((one) => one.person !== trouble.person && at - one.at < windowMs);
      recent = [...others, { ...trouble, at }].slice(-maxKept);
    },
    answered(tenant) {
      if (recent.length === 0) return;
      recent = recent
        .filter((one) => one.tenant !== tenant)
        .map(({ person, tenant: other, at }) => ({ person, tenant: other, at, ofCloud: false }));
    },
    isOfTenant: (tenant) => recent.filter((one) => one.tenant === tenant).length >= distinctPeople,
    isOutage() {
      const counted = new Map<string, number>();
      for (const { tenant, ofCloud } of recent)
        if (ofCloud) counted.set(tenant, Math.min((counted.get(tenant) ?? 0) + 1, countedOfTenant));
      return [...counted.values()].reduce((sum, count) => sum + count, 0) >= distinctPeople;
    },
  };
}
