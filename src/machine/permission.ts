/**
 * Whether the author of a request may have it carried out: for every key it touches, in every operation of every branch, nested ones too,
 * whichever branch will be taken. Asked by every member when the entry is applied, and for reads by the member that reads.
 *
 *     put k                      write k
 *     put k, prev_kv             write k, read k
 *     put k, lease L             write k, and every key that hangs on L: whoever holds a lease can let all of them die
 *     delete [a, f), prev_kv     write [a, f), read [a, f)
 *     txn                        read what is compared; what each operation needs
 *     revoke lease L             write every key that hangs on L
 */

import type { Access, Author, AuthStore, Caller } from '../auth/index.ts';
import { type Key, unreachable } from '../base/index.ts';
import type { Leases } from '../lease/index.ts';
import type { Operation, PutOperation, TxnOperation } from '../mvcc/index.ts';
import type { MachineRequest } from './request.ts';

/** The keys that hang on a lease; none if there is no such lease. */
export type LeasedKeys = Pick<Leases, 'keysOf'>;

/** Throws RequestError userEmpty, oldAuthRevision, permissionDenied, userNotFound if the author may not. */
export function checkRequest(auth: AuthStore, author: Author, request: MachineRequest, leased: LeasedKeys): void {
  if (author === 'member' || !auth.enabled) return;
  switch (request.kind) {
    case 'put':
    case 'deleteRange':
    case 'txn':
      return new OperationCheck(auth, author, leased).check(request);
    case 'leaseGrant':
      return auth.checkUser(author);
    case 'leaseRevoke':
      auth.checkUser(author);
      return checkLease(auth, author, 'write', leased.keysOf(request.id));
    case 'alarm':
      return request.action === 'get' ? auth.checkUser(author) : auth.checkAdmin(author);
    case 'authenticate':
      // Nobody is anybody before. But the password was right at one revision, and another may have come since.
      return auth.checkUnmoved(author);
    case 'compaction':
    case 'authEnable':
    case 'authDisable':
    case 'authUserAdd':
    case 'authUserDelete':
    case 'authUserChangePassword':
    case 'authUserGrantRole':
    case 'authUserRevokeRole':
    case 'authRoleAdd':
    case 'authRoleDelete':
    case 'authRoleGrantPermission':
    case 'authRoleRevokePermission':
      return auth.checkAdmin(author);
    case 'leaseCheckpoint':
    case 'configuration':
    case 'memberAttributes':
    case 'memberUpdate':
      // Members ask for these; who may ask a member to, is asked before.
      return undefined;
    default:
      return unreachable(request);
  }
}

/** The same for a transaction that only reads. */
export function checkTxnRead(auth: AuthStore, caller: Caller, txn: TxnOperation): void {
  if (auth.enabled) new OperationCheck(auth, caller, NO_LEASES).check(txn);
}

/** Whether the caller may touch every key that hangs on a lease. */
export function checkLease(auth: AuthStore, caller: Caller, access: Access, keys: Iterable<Key>): void {
  for (const key of keys) auth.check(caller, access, { key, end: undefined });
}

const NO_LEASES: LeasedKeys = { keysOf: () => new Set() };

class OperationCheck {
  readonly #auth: AuthStore;
  readonly #caller: Caller;
  readonly #leased: LeasedKeys;

  constructor(auth: AuthStore, caller: Caller, leased: LeasedKeys) {
    this.#auth = auth;
    this.#caller = caller;
    this.#leased = leased;
  }

  check(operation: Operation): void {
    switch (operation.kind) {
      case 'range':
        return this.#auth.check(this.#caller, 'read', operation.range);
      case 'put':
        return this.#put(operation);
      case 'deleteRange':
        this.#auth.check(this.#caller, 'write', operation.range);
        if (operation.prevKv) this.#auth.check(this.#caller, 'read', operation.range);
        return undefined;
      case 'txn':
        for (const { range } of operation.compare) this.#auth.check(this.#caller, 'read', range);
        for (const inner of operation.success) this.check(inner);
        for (const inner of operation.failure) this.check(inner);
        return undefined;
      case 'empty':
        return undefined;
      default:
        return unreachable(operation);
    }
  }

  #put({ key, lease, prevKv }: PutOperation): void {
    const range = { key, end: undefined };
    this.#auth.check(this.#caller, 'write', range);
    if (lease !== 0n) checkLease(this.#auth, this.#caller, 'write', this.#leased.keysOf(lease));
    if (prevKv) this.#auth.check(this.#caller, 'read', range);
  }
}
