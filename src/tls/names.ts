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

export function commonNameOf({ subject }: PeerCertificate): string | undefined {
  const name: string | string[] | undefined = subject.CN;
  return Array.isArray(name) ? name[0] : name;
}
