/** Every bound of the leases, by name. */

/** The longest lease: etcd's number, a little under three hundred years. */
export const LEASE_TTL_SECONDS_MAX = 9_000_000_000;

/** Leases that may be ended for their time in a second: each is an entry of the log, and the store's other clients want to write as well. */
export const LEASE_EXPIRIES_PER_SECOND_MAX = 500;

/** After a change of leader so many leases may end in a second: what is left over is for those that end by themselves. */
export const LEASE_ENDS_PER_SECOND_MAX = 375;

/** A lease at its end that could not be revoked has so much longer before that is tried again. */
export const EXPIRY_RETRY_MS = 1000;

/** How often what is left of a long lease is written down. Shorter leases are not worth it. */
export const CHECKPOINT_INTERVAL_MS: number = 5 * 60_000;

/** Leases written down by one entry of the log. */
export const CHECKPOINT_LEASES_MAX = 1000;

/** The most that the time of leases goes on between two looks at the clock: what is beyond it, the process slept through. */
export const LEASE_TIME_STEP_MS_MAX = 1000;
