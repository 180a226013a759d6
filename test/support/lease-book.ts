/** Leases for tests of the store. */

import { Leases } from '../../src/lease/index.ts';

/** The leases of these ids, with no keys yet. */
export function leasesOf(...ids: bigint[]): Leases {
  const leases = new Leases();
  for (const id of ids) leases.grant(id, 60);
  return leases;
}
