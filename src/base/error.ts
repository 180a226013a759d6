/**
 * The one table of errors that a client can see: a name for the code, the gRPC status and the text for the wire.
 * The texts are etcd's to the letter (api/v3rpc/rpctypes): clients compare them.
 *
 * `definite` says what the caller may conclude. A definite error: the request had no effect and never will.
 * An indefinite one: it may have taken effect, or still may.
 */

/** gRPC status codes, https://grpc.io/docs/guides/status-codes/. */
export const Status = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

interface ErrorRow {
  readonly status: Status;
  readonly text: string;
  readonly definite: boolean;
}

const definite = (status: Status, text: string): ErrorRow => ({ status, text: `etcdserver: ${text}`, definite: true });
const indefinite = (status: Status, text: string): ErrorRow => ({
  status,
  text: `etcdserver: ${text}`,
  definite: false,
});

/** Names for the errors, ours. */
export type ErrorCode =
  | 'emptyKey'
  | 'keyNotFound'
  | 'valueProvided'
  | 'leaseProvided'
  | 'tooManyOps'
  | 'duplicateKey'
  | 'invalidClientApiVersion'
  | 'invalidSortOption'
  | 'rangeStreamUnsupported'
  | 'badMemberUrls'
  | 'requestTooLarge'
  | 'compacted'
  | 'futureRevision'
  | 'noSpace'
  | 'tooManyRequests'
  | 'leaseNotFound'
  | 'leaseExists'
  | 'leaseTtlTooLarge'
  | 'memberNotFound'
  | 'memberIdExists'
  | 'peerUrlExists'
  | 'notEnoughStarted'
  | 'memberNotLearner'
  | 'learnerNotReady'
  | 'tooManyLearners'
  | 'notSupportedForLearner'
  | 'badLeaderTransferee'
  | 'unhealthy'
  | 'clusterIdMismatch'
  | 'notLeader'
  | 'notCapable'
  | 'noLeader'
  | 'leaderChanged'
  | 'stopped'
  | 'timeout'
  | 'corrupt'
  | 'watchCanceled'
  | 'sessionExpired'
  | 'electionNoLeader'
  | 'electionNotLeader'
  | 'leaderKeyMissing'
  | 'userEmpty'
  | 'userExists'
  | 'userNotFound'
  | 'roleEmpty'
  | 'roleExists'
  | 'roleNotFound'
  | 'roleNotGranted'
  | 'permissionNotGiven'
  | 'permissionNotGranted'
  | 'permissionDenied'
  | 'authFailed'
  | 'authNotEnabled'
  | 'invalidAuthManagement'
  | 'invalidAuthToken'
  | 'oldAuthRevision'
  | 'rootUserMissing'
  | 'rootRoleMissing'
  | 'passwordTooLong'
  | 'unknownService'
  | 'logFailed';

export const ERRORS: Readonly<Record<ErrorCode, ErrorRow>> = {
  emptyKey: definite(Status.invalidArgument, 'key is not provided'),
  keyNotFound: definite(Status.invalidArgument, 'key not found'),
  valueProvided: definite(Status.invalidArgument, 'value is provided'),
  leaseProvided: definite(Status.invalidArgument, 'lease is provided'),
  tooManyOps: definite(Status.invalidArgument, 'too many operations in txn request'),
  duplicateKey: definite(Status.invalidArgument, 'duplicate key given in txn request'),
  invalidClientApiVersion: definite(Status.invalidArgument, 'invalid client api version'),
  invalidSortOption: definite(Status.invalidArgument, 'invalid sort option'),
  rangeStreamUnsupported: definite(
    Status.unimplemented,
    'range stream with a sort order or revision filters is not supported',
  ),
  badMemberUrls: definite(Status.invalidArgument, 'given member URLs are invalid'),
  requestTooLarge: definite(Status.invalidArgument, 'request is too large'),
  compacted: definite(Status.outOfRange, 'mvcc: required revision has been compacted'),
  futureRevision: definite(Status.outOfRange, 'mvcc: required revision is a future revision'),
  noSpace: definite(Status.resourceExhausted, 'mvcc: database space exceeded'),
  tooManyRequests: definite(Status.resourceExhausted, 'too many requests'),
  leaseNotFound: definite(Status.notFound, 'requested lease not found'),
  leaseExists: definite(Status.failedPrecondition, 'lease already exists'),
  leaseTtlTooLarge: definite(Status.outOfRange, 'too large lease TTL'),
  memberNotFound: definite(Status.notFound, 'member not found'),
  memberIdExists: definite(Status.failedPrecondition, 'member ID already exist'),
  peerUrlExists: definite(Status.failedPrecondition, 'Peer URLs already exists'),
  notEnoughStarted: definite(Status.failedPrecondition, 're-configuration failed due to not enough started members'),
  memberNotLearner: definite(Status.failedPrecondition, 'can only promote a learner member'),
  learnerNotReady: definite(
    Status.failedPrecondition,
    'can only promote a learner member which is in sync with leader',
  ),
  tooManyLearners: definite(Status.failedPrecondition, 'too many learner members in cluster'),
  notSupportedForLearner: definite(Status.failedPrecondition, 'rpc not supported for learner'),
  badLeaderTransferee: definite(Status.failedPrecondition, 'bad leader transferee'),
  unhealthy: definite(Status.unavailable, 'unhealthy cluster'),
  clusterIdMismatch: definite(Status.failedPrecondition, 'cluster ID mismatch'),
  notLeader: definite(Status.failedPrecondition, 'not leader'),
  notCapable: definite(Status.failedPrecondition, 'not capable'),
  noLeader: definite(Status.unavailable, 'no leader'),
  leaderChanged: indefinite(Status.unavailable, 'leader changed'),
  stopped: indefinite(Status.unavailable, 'server stopped'),
  timeout: indefinite(Status.unavailable, 'request timed out'),
  corrupt: definite(Status.dataLoss, 'corrupt cluster'),
  watchCanceled: definite(Status.canceled, 'watch canceled'),
  // Of the recipes (locks and elections): etcd gives them no better status.
  sessionExpired: { status: Status.unknown, text: 'mutex: session is expired', definite: true },
  electionNoLeader: { status: Status.unknown, text: 'election: no leader', definite: true },
  electionNotLeader: { status: Status.unknown, text: 'election: not leader', definite: true },
  leaderKeyMissing: { status: Status.unknown, text: '"leader" field must be provided', definite: true },
  userEmpty: definite(Status.invalidArgument, 'user name is empty'),
  userExists: definite(Status.failedPrecondition, 'user name already exists'),
  userNotFound: definite(Status.failedPrecondition, 'user name not found'),
  roleEmpty: definite(Status.invalidArgument, 'role name is empty'),
  roleExists: definite(Status.failedPrecondition, 'role name already exists'),
  roleNotFound: definite(Status.failedPrecondition, 'role name not found'),
  roleNotGranted: definite(Status.failedPrecondition, 'role is not granted to the user'),
  permissionNotGiven: definite(Status.invalidArgument, 'permission not given'),
  permissionNotGranted: definite(Status.failedPrecondition, 'permission is not granted to the role'),
  permissionDenied: definite(Status.permissionDenied, 'permission denied'),
  authFailed: definite(Status.invalidArgument, 'authentication failed, invalid user ID or password'),
  authNotEnabled: definite(Status.failedPrecondition, 'authentication is not enabled'),
  invalidAuthManagement: definite(Status.invalidArgument, 'invalid auth management'),
  invalidAuthToken: definite(Status.unauthenticated, 'invalid auth token'),
  oldAuthRevision: definite(Status.invalidArgument, 'revision of auth store is old'),
  rootUserMissing: definite(Status.failedPrecondition, 'root user does not exist'),
  rootRoleMissing: definite(Status.failedPrecondition, 'root user does not have root role'),
  /** bcrypt looks at 72 bytes: what follows would not count. The words are those of Go's library. */
  passwordTooLong: { status: Status.unknown, text: 'bcrypt: password length exceeds 72 bytes', definite: true },
  /** Of the health service, whose words are gRPC's. */
  unknownService: { status: Status.notFound, text: 'unknown service', definite: true },
  /** Ours: the log could not be written (disk full). etcd would panic here. */
  logFailed: definite(Status.unavailable, 'the log cannot be written'),
};

/** A request that was refused or failed, by its code in the table. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, options?: { cause?: unknown }) {
    super(ERRORS[code].text, options);
    this.code = code;
  }

  get status(): Status {
    return ERRORS[this.code].status;
  }

  get definite(): boolean {
    return ERRORS[this.code].definite;
  }
}
