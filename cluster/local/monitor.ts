/**
 * What the members say of themselves: Maintenance Status, which a member answers without asking the others, and the gauges of
 * /metrics. A member that does not answer in time is silent; what it said before is not repeated as if it still held.
 */

import { get as getPlain, type IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { text } from 'node:stream/consumers';
import { type Client, type ClientTls, connect, type MemberStatus } from '../../src/client/index.ts';
import { clientEndpointOf } from './layout.ts';
import type { Member } from './member.ts';

export type Role = 'leader' | 'follower' | 'candidate' | 'learner' | 'starting' | 'silent' | 'paused' | 'down';

export interface Gauges {
  readonly watchers: number;
  readonly slowWatchers: number;
  readonly pendingEvents: number;
  /** Snapshots that it was sent by other members since it started. */
  readonly snapshotsReceived: number;
}

export interface MemberView {
  readonly name: string;
  readonly endpoint: string;
  readonly pid: number | undefined;
  readonly role: Role;
  readonly status: MemberStatus | undefined;
  readonly gauges: Gauges | undefined;
}

export interface ClusterView {
  readonly members: readonly MemberView[];
  /** Of the highest term that is led; undefined if nobody says that there is one. */
  readonly leader: string | undefined;
  readonly term: number;
}

const ANSWER_WITHIN_MS = 700;

export class Monitor {
  readonly #tls: ClientTls | undefined;
  readonly #clients = new Map<string, Client>();
  /** Ids do not change while a cluster runs: the leader can be named even when it is silent. */
  readonly #names = new Map<bigint, string>();
  /** Of processes that have answered. */
  readonly #heard = new Set<number>();

  /** `tls` if the members speak it. */
  constructor(tls?: ClientTls) {
    this.#tls = tls;
  }

  async look(members: readonly Member[]): Promise<ClusterView> {
    const views = await Promise.all(members.map((member) => this.#lookAt(member)));
    const led = views
      .map(({ status }) => status)
      .filter((status) => status !== undefined && status.leader !== 0n)
      .reduce((best, status) => (best === undefined || (status?.term ?? 0) > best.term ? status : best), undefined);
    const term = Math.max(0, ...views.map(({ status }) => status?.term ?? 0));
    return { members: views, leader: led === undefined ? undefined : this.#names.get(led.leader), term };
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #lookAt(member: Member): Promise<MemberView> {
    const endpoint = clientEndpointOf(member.place);
    const view = { name: member.name, endpoint, pid: member.pid };
    if (member.state !== 'running') return { ...view, role: member.state, status: undefined, gauges: undefined };
    const [status, gauges] = await Promise.all([this.#status(endpoint), gaugesAt(endpoint, this.#tls)]);
    if (status === undefined) {
      const isNew = view.pid !== undefined && !this.#heard.has(view.pid);
      return { ...view, role: isNew ? 'starting' : 'silent', status, gauges };
    }
    this.#names.set(status.memberId, member.name);
    if (view.pid !== undefined) this.#heard.add(view.pid);
    return { ...view, role: roleOf(status), status, gauges };
  }

  async #status(endpoint: string): Promise<MemberStatus | undefined> {
    let client = this.#clients.get(endpoint);
    if (client === undefined) {
      client = connect({ endpoints: [endpoint], tls: this.#tls, deadlineMs: ANSWER_WITHIN_MS });
      this.#clients.set(endpoint, client);
    }
    return client.status().catch(() => undefined);
  }
}

function roleOf(status: MemberStatus): Role {
  if (status.isLearner) return 'learner';
  if (status.leader === 0n) return 'candidate';
  return status.leader === status.memberId ? 'leader' : 'follower';
}

async function gaugesAt(endpoint: string, tls: ClientTls | undefined): Promise<Gauges | undefined> {
  try {
    return gaugesOf(await text(await metricsOf(endpoint, tls)));
  } catch {
    return undefined;
  }
}

function metricsOf(endpoint: string, tls: ClientTls | undefined): Promise<IncomingMessage> {
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  return new Promise((resolve, reject) => {
    const request =
      tls === undefined
        ? getPlain(`http://${endpoint}/metrics`, { signal }, resolve)
        : getSecure(`https://${endpoint}/metrics`, { signal, ...tls }, resolve);
    request.on('error', reject);
  });
}

/** Reads the text of /metrics. What has labels is added up. */
export function gaugesOf(metrics: string): Gauges {
  const value = (name: string): number =>
    [...metrics.matchAll(new RegExp(`^etcd_${name}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))].reduce(
      (sum, [, number]) => sum + Number(number),
      0,
    );
  return {
    watchers: value('debugging_mvcc_watcher_total'),
    slowWatchers: value('debugging_mvcc_slow_watcher_total'),
    pendingEvents: value('debugging_mvcc_pending_events_total'),
    snapshotsReceived: value('network_snapshot_receive_success'),
  };
}
