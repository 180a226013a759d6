/** The lessor's twin, for leases short enough never to be written down: a list, gone through each time. Its clock never sleeps. */

interface NaiveLease {
  readonly ttl: number;
  endsAt: number;
}

export class NaiveLessor {
  readonly leases = new Map<bigint, NaiveLease>();
  now = 0;

  grant(id: bigint, ttl: number): void {
    this.leases.set(id, { ttl, endsAt: this.now + 1000 * ttl });
  }

  /** 0 if it is gone. */
  renew(id: bigint): number {
    const lease = this.leases.get(id);
    if (lease === undefined || lease.endsAt <= this.now) return 0;
    lease.endsAt = this.now + 1000 * lease.ttl;
    return lease.ttl;
  }

  remaining(id: bigint): number | undefined {
    const lease = this.leases.get(id);
    return lease === undefined ? undefined : Math.max(0, lease.endsAt - this.now);
  }

  expired(): bigint[] {
    return [...this.leases].filter(([, { endsAt }]) => endsAt <= this.now).map(([id]) => id);
  }
}
