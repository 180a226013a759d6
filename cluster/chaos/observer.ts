/** Looks at the cluster all the time: who leads, and how far watchers are behind. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterView, LocalCluster } from '../local/index.ts';

export interface Peaks {
  readonly slowWatchers: number;
  readonly pendingEvents: number;
}

const LOOK_EVERY_MS = 200;

export class Observer {
  readonly #cluster: LocalCluster;
  readonly #note: (text: string) => void;
  readonly #stop = new AbortController();
  #peaks: Peaks = { slowWatchers: 0, pendingEvents: 0 };
  #leaders = 0;
  readonly #snapshots = new Map<string, number>();
  #snapshotsBefore = 0;
  #told = '';
  #looking: Promise<void> = Promise.resolve();

  constructor(cluster: LocalCluster, note: (text: string) => void) {
    this.#cluster = cluster;
    this.#note = note;
  }

  /** The most that any member had at one look. */
  get peaks(): Peaks {
    return this.#peaks;
  }

  /** How often another member led, or the same one in another term. */
  get leaders(): number {
    return this.#leaders;
  }

  /** How often a member was brought back by a snapshot. */
  get snapshots(): number {
    return [...this.#snapshots.values()].reduce((sum, count) => sum + count, this.#snapshotsBefore);
  }

  start(): void {
    this.#looking = this.#look();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#see(await this.#cluster.look());
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  #see({ leader, term, members }: ClusterView): void {
    const text = leader === undefined ? 'nobody leads' : `${leader} leads in term ${term}`;
    if (text !== this.#told) {
      this.#told = text;
      if (leader !== undefined) this.#leaders++;
      this.#note(text);
    }
    for (const { name, gauges } of members) {
      if (gauges === undefined) continue;
      const before = this.#snapshots.get(name) ?? 0;
      // A member that was started again counts from 0.
      if (gauges.snapshotsReceived < before) this.#snapshotsBefore += before;
      this.#snapshots.set(name, gauges.snapshotsReceived);
      this.#peaks = {
        slowWatchers: Math.max(this.#peaks.slowWatchers, gauges.slowWatchers),
        pendingEvents: Math.max(this.#peaks.pendingEvents, gauges.pendingEvents),
      };
    }
  }
}
