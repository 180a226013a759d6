/** Does to a cluster what the schedule says, and undoes it. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCluster } from '../local/index.ts';
import type { LinkState } from '../proxy/index.ts';
import { join, leave } from './membership.ts';
import type { Fault, Planned, Target } from './schedule.ts';

/** What the nemesis can do to a cluster. */
export type Victims = Pick<
  LocalCluster,
  | 'members'
  | 'look'
  | 'kill'
  | 'start'
  | 'pause'
  | 'resume'
  | 'link'
  | 'heal'
  | 'add'
  | 'promote'
  | 'remove'
  | 'arm'
  | 'disarm'
>;

const CUT: Partial<LinkState> = { cut: true };

/**
 * Runs the schedule, from now on. Resolves when all is whole again, also if `signal` ends it early. `note` is told when a fault
 * begins and ends.
 */
export async function torment(
  cluster: Victims,
  schedule: readonly Planned[],
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<void> {
  const startedAt = performance.now();
  const waitUntil = (atMs: number): Promise<void> =>
    sleep(Math.max(0, atMs - (performance.now() - startedAt)), undefined, { signal }).catch(() => {});
  const firstMembers = cluster.members.map(({ name }) => name);
  try {
    for (const { fault, atMs, forMs } of schedule) {
      await waitUntil(atMs);
      if (signal.aborted) return;
      const what = await inject(cluster, fault);
      note(what);
      await waitUntil(atMs + forMs);
      await restore(cluster);
      note(`over: ${what}`);
      await leave(cluster, firstMembers, note);
    }
  } finally {
    await restore(cluster);
    await leave(cluster, firstMembers, note);
  }
}

/** Makes everything whole: links, processes that are paused, failpoints, members that are gone. */
export async function restore(cluster: Victims): Promise<void> {
  cluster.heal();
  for (const { name, state } of cluster.members) if (state === 'paused') cluster.resume(name);
  await cluster.disarm();
  for (const { name, state } of cluster.members) if (state === 'down') await cluster.start(name);
}

/** Resolves to what was done, in words. */
export async function inject(cluster: Victims, fault: Fault): Promise<string> {
  switch (fault.kind) {
    case 'kill': {
      const name = await resolveTarget(cluster, fault.target);
      await cluster.kill(name);
      return `kill ${named(name, fault.target)}`;
    }
    case 'pause': {
      const name = await resolveTarget(cluster, fault.target);
      // One that has ended by itself cannot be paused; that it has is found elsewhere.
      if (!isRunning(cluster, name)) return `${name} is down already`;
      cluster.pause(name);
      return `pause ${named(name, fault.target)}`;
    }
    case 'isolate': {
      const name = await resolveTarget(cluster, fault.target);
      setLinks(cluster, name, CUT, CUT);
      return `isolate ${named(name, fault.target)}`;
    }
    case 'deafen': {
      const name = await resolveTarget(cluster, fault.target);
      setLinks(cluster, name, CUT, {});
      return `nothing reaches ${named(name, fault.target)}, which still speaks`;
    }
    case 'slow': {
      const { delayMs, bytesPerSecond } = fault;
      const name = await resolveTarget(cluster, fault.target);
      setLinks(cluster, name, { delayMs, bytesPerSecond }, { delayMs, bytesPerSecond });
      const how = `${delayMs} ms late, ${Math.round(bytesPerSecond / 1000)} KB/s`;
      return `the links of ${named(name, fault.target)} are slow: ${how}`;
    }
    case 'cut': {
      const [one, other] = [nameOf(cluster, fault.one), nameOf(cluster, fault.other)];
      cluster.link(one, other).set(CUT);
      cluster.link(other, one).set(CUT);
      return `cut ${one} from ${other}`;
    }
    case 'failpoint': {
      const name = await resolveTarget(cluster, fault.target);
      if (!isRunning(cluster, name)) return `${name} is down already`;
      await cluster.arm(name, fault.name, fault.terms);
      return `failpoint ${fault.name}=${fault.terms} on ${named(name, fault.target)}`;
    }
    case 'reset':
      for (const from of cluster.members) {
        for (const to of cluster.members) if (from !== to) cluster.link(from.name, to.name).reset();
      }
      return 'reset all connections between members';
    case 'join':
      return await join(cluster);
    case 'kill all':
      await Promise.all(cluster.members.map(({ name }) => cluster.kill(name)));
      return 'kill all members';
    default:
      return fault satisfies never;
  }
}

function setLinks(cluster: Victims, name: string, towards: Partial<LinkState>, from: Partial<LinkState>): void {
  for (const other of cluster.members) {
    if (other.name === name) continue;
    cluster.link(other.name, name).set(towards);
    cluster.link(name, other.name).set(from);
  }
}

/** When nobody leads the first member stands in. */
async function resolveTarget(cluster: Victims, target: Target): Promise<string> {
  if (target !== 'leader') return nameOf(cluster, target);
  return (await cluster.look()).leader ?? nameOf(cluster, 0);
}

function isRunning(cluster: Victims, name: string): boolean {
  return cluster.members.find((member) => member.name === name)?.state === 'running';
}

function nameOf(cluster: Victims, number: number): string {
  const names = cluster.members.map(({ name }) => name);
  return names[number % names.length] ?? '';
}

function named(name: string, target: Target): string {
  return target === 'leader' ? `${name}, the leader` : name;
}
