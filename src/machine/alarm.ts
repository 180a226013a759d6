/**
 * Alarms: what is wrong with a member, known to all of them, so that all refuse the same requests.
 *
 * NOSPACE is raised when a member's store has outgrown its quota: until it is disarmed, whatever would add data is refused.
 * CORRUPT is raised when members disagree about what they hold: until it is disarmed, nothing is read or written through the log.
 */

import { assert, type Bytes } from '../base/index.ts';

export type AlarmType = 'nospace' | 'corrupt';

export interface Alarm {
  readonly memberId: bigint;
  readonly type: AlarmType;
}

/** Two alarms a member, a handful of members: any more would be a bug. */
const ALARMS_MAX = 1024;

const RECORD_BYTES = 9;

export class Alarms {
  #alarms: readonly Alarm[] = [];

  /** All of them, or those of one type. */
  list(type?: AlarmType): readonly Alarm[] {
    return type === undefined ? this.#alarms : this.#alarms.filter((alarm) => alarm.type === type);
  }

  has(type: AlarmType): boolean {
    return this.#alarms.length > 0 && this.#alarms.some((alarm) => alarm.type === type);
  }

  /** Whether it was not raised before. */
  activate(alarm: Alarm): boolean {
    if (this.#find(alarm) !== undefined) return false;
    assert(this.#alarms.length < ALARMS_MAX, `more than ${ALARMS_MAX} alarms`);
    this.#alarms = [...this.#alarms, alarm];
    return true;
  }

  /** Whether it was raised before. */
  deactivate(alarm: Alarm): boolean {
    const found = this.#find(alarm);
    if (found === undefined) return false;
    this.#alarms = this.#alarms.filter((other) => other !== found);
    return true;
  }

  #find(alarm: Alarm): Alarm | undefined {
    return this.#alarms.find((other) => other.memberId === alarm.memberId && other.type === alarm.type);
  }

  /** For the machine's state on disk: a record an alarm, 8 bytes of member id (big endian) and one of type (etcd's number). */
  encode(): Bytes {
    const bytes = new Uint8Array(this.#alarms.length * RECORD_BYTES);
    const view = new DataView(bytes.buffer);
    this.#alarms.forEach((alarm, i) => {
      view.setBigUint64(i * RECORD_BYTES, alarm.memberId);
      view.setUint8(i * RECORD_BYTES + 8, alarm.type === 'nospace' ? 1 : 2);
    });
    return bytes;
  }

  static decode(bytes: Bytes): Alarms {
    assert(bytes.length % RECORD_BYTES === 0, `alarms of ${bytes.length} bytes`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const alarms = new Alarms();
    for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
      const type = view.getUint8(at + 8);
      assert(type === 1 || type === 2, `an alarm of type ${type}`);
      alarms.activate({ memberId: view.getBigUint64(at), type: type === 1 ? 'nospace' : 'corrupt' });
    }
    return alarms;
  }
}
