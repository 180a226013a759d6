/** Certificates for clusters that are made to be thrown away. */

export { Authority, type Issued, type Subject } from './authority.ts';
export { type ClusterTls, makeClusterTls } from './cluster-tls.ts';
