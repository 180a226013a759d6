/** Whose certificate may be shown: beyond being good, it may have to carry one of some names (--peer-cert-allowed-cn and the like). */

import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/** An empty list allows all. If both are given, one name of each must be there. */
export interface AllowedNames {
  readonly commonNames: readonly string[];
  readonly hostnames: readonly string[];
}

/** Why the certificate must not be used by whoever showed it; undefined if it may. */
export function nameProblem(
  certificate: PeerCertificate,
  { commonNames, hostnames }: AllowedNames,
): string | undefined {
  const commonName = commonNameOf(certificate);
  if (commonNames.length > 0 && !commonNames.includes(commonName ?? '')) {
    return `the common name "${commonName ?? ''}" of its certificate is none of those allowed`;
  }
  // The common name is no host name: only what is an alternative name counts.
  const alternatives: PeerCertificate = { ...certificate, subject: { ...certificate.subject, CN: '' } };
  if (hostnames.length > 0 && hostnames.every((name) => checkServerIdentity(name, alternatives) !== undefined)) {
    return `its certificate is for none of the host names allowed (it is for ${certificate.subjectaltname ?? 'none'})`;
  }
  return undefined;
}

/**
 * Of several the last one counts, as with etcd. Undefined: it has none, or there is no certificate, for which stands an object that has nothing; or
 * the connection is gone, and null stands for all.
 */
export function commonNameOf(certificate: Partial<PeerCertificate> | null): string | undefined {
  const name: string | string[] | undefined = certificate?.subject?.CN;
  return Array.isArray(name) ? name.at(-1) : name;
}
