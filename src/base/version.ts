/** The versions that this server goes by: those of the etcd that it stands in for. */

export const SERVER_VERSION = '3.7.1';
/** What all members understand: major and minor. */
export const CLUSTER_VERSION = '3.7.0';
/** The format of what is stored, in etcd's numbering. */
export const STORAGE_VERSION = '3.7.0';
