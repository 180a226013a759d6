/**
 * A cluster of real processes on this machine, with links between them that can be cut: what the runner shows and what the
 * chaos run torments. Data, logs and the list of members are below one directory, so that a cluster that was stopped goes on
 * where it was.
 *
 *     cluster.etcd/  cluster.json  n1/  n1.log  n2/  n2.log  n3/  n3.log
 */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/index.ts';
import { requireBuilt } from '../process/index.ts';
import { CAN_TELL_OWNERS, type Link } from '../proxy/index.ts';
import { clientEndpointOf, type Joining, type Layout, MEMBERS_MAX, peerUrlOf, placeOf } from './layout.ts';
import { endLeftovers, type Leftover } from './leftovers.ts';
import { Member } from './member.ts';
import { type ClusterView, Monitor } from './monitor.ts';
import { PeerLinks } from './peer-links.ts';

export interface LocalClusterOptions {
  /** The server: any with etcd's flags, started directly (a shell in between would get the signals). */
  readonly command: readonly [string, ...string[]];
  /** Further flags for every member. */
  readonly flags?: readonly string[];
  /** For every member, beside our environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Members of a cluster that is new. */
  readonly size: number;
  /** Whether what is in the directory is thrown away first. */
  readonly fresh?: boolean;
  /** The first of two ports a member, in place of 2379, 22379, 32379. */
  readonly firstPort?: number | undefined;
  readonly onNote?: (text: string) => void;
}

/** A member, as cluster.json keeps it. */
interface Remembered {
  readonly number: number;
  readonly joining: Joining;
  /** Of the process it had when this was written. */
  readonly pid: number | undefined;
}

interface MemberList {
  /** 0: the default ports. */
  readonly firstPort: number;
  /** In order. */
  readonly members: readonly Remembered[];
}

const LIST_FILE = 'cluster.json';
const LOOK_EVERY_MS = 100;
const CHANGE_WITHIN_MS = 10_000;

export class LocalCluster {
  readonly directory: string;
  readonly #options: LocalClusterOptions;
  readonly #layout: Layout;
  readonly #members = new Map<number, Member>();
  readonly #links: PeerLinks;
  readonly #monitor = new Monitor();

  private constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.#layout = { firstPort: options.firstPort, linked: CAN_TELL_OWNERS };
    this.directory = resolve(options.directory);
    this.#links = new PeerLinks(() => this.#pids());
  }

  /** Starts all members. Resolves when the processes run; see untilReady. */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    requireBuilt(options.command);
    const cluster = new LocalCluster(options);
    await mkdir(cluster.directory, { recursive: true });
    await endLeftovers(await memberMarks(cluster.directory));
    if (options.fresh === true) await forgetAll(cluster.directory);
    const { firstPort, members: known } = await remembered(cluster.directory);
    if (known.length > 0 && firstPort !== (options.firstPort ?? 0)) {
      throw new Error(`the cluster in ${cluster.directory} was made with other ports: use another --data-dir`);
    }
    try {
      for (const { number, joining } of known.length > 0 ? known : cluster.#fresh(options.size)) {
        await cluster.#place(number, joining);
      }
      for (const member of cluster.members) await member.start();
      await cluster.#remember();
    } catch (error) {
      await cluster.down();
      throw error;
    }
    return cluster;
  }

  get members(): readonly Member[] {
    return [...this.#members.entries()].sort(([a], [b]) => a - b).map(([, member]) => member);
  }

  /** Where clients find the members. */
  get endpoints(): readonly string[] {
    return this.members.map(({ place }) => clientEndpointOf(place));
  }

  /** Throws if there is none of that name. */
  member(name: string): Member {
    const member = this.members.find((candidate) => candidate.name === name);
    if (member === undefined) {
      throw new Error(`no member ${name}: there are ${this.members.map((each) => each.name).join(', ')}`);
    }
    return member;
  }

  look(): Promise<ClusterView> {
    return this.#monitor.look(this.members);
  }

  /** Resolves when every member that runs follows one leader. Rejects when that takes too long or a member ends. */
  async untilReady(withinMs: number): Promise<ClusterView> {
    const giveUpAt = Date.now() + withinMs;
    for (;;) {
      const view = await this.look();
      const running = view.members.filter(({ role }) => role !== 'down' && role !== 'paused');
      const led = running.every(({ status }) => status !== undefined && status.leader !== 0n);
      if (led && view.leader !== undefined) return view;
      if (Date.now() > giveUpAt) throw new Error(`no leader within ${withinMs} ms; see the logs in ${this.directory}`);
      if (running.length === 0) throw new Error(`no member runs; see the logs in ${this.directory}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  async kill(name: string): Promise<void> {
    await this.member(name).kill();
  }

  async start(name: string): Promise<void> {
    await this.member(name).start();
    await this.#remember();
  }

  pause(name: string): void {
    this.member(name).pause();
  }

  resume(name: string): void {
    this.member(name).resume();
  }

  /** What `from` sends to `to`. */
  link(from: string, to: string): Link {
    return this.#links.between(this.member(from).name, this.member(to).name);
  }

  /** Cuts both directions between two members. */
  cut(one: string, other: string): void {
    if (one === other) throw new Error(`${one} has no link to itself`);
    this.link(one, other).set({ cut: true });
    this.link(other, one).set({ cut: true });
  }

  heal(): void {
    this.#links.heal();
  }

  /** The links that are not whole, in words. */
  get faults(): readonly string[] {
    return this.#links.describe();
  }

  /** Adds a member to the cluster and starts it. Resolves to its name. Rejects with the server's refusal. */
  async add(): Promise<string> {
    const number = Array.from({ length: MEMBERS_MAX }, (_, i) => i + 1).find((free) => !this.#members.has(free));
    if (number === undefined) throw new Error(`a local cluster has ${MEMBERS_MAX} members at most`);
    const place = placeOf(number, this.#layout);
    const joining = await this.#change(async (client) => {
      const { members } = await client.memberAdd([peerUrlOf(place)]);
      const urls = members.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name || place.name}=${url}`));
      return { initialCluster: urls.join(','), state: 'existing' } as const;
    });
    const member = await this.#place(number, joining);
    await member.forget();
    await member.start();
    await this.#remember();
    return member.name;
  }

  /** Removes a member from the cluster, ends it, and removes its data. Rejects with the server's refusal. */
  async remove(name: string): Promise<void> {
    const member = this.member(name);
    await this.#change(async (client) => {
      const { members } = await client.memberList();
      const url = peerUrlOf(member.place);
      const info = members.find(({ peerUrls }) => peerUrls.includes(url));
      if (info !== undefined) await client.memberRemove(info.id);
    });
    await member.stop();
    await member.forget();
    await this.#links.removeMember(name);
    for (const [number, each] of this.#members) if (each === member) this.#members.delete(number);
    await this.#remember();
  }

  /** Stops all members, each in its own way, and frees the ports. The data stays. Idempotent. */
  async down(): Promise<void> {
    // A member that hands its leadership over needs links to do so.
    this.heal();
    await Promise.all(this.members.map((member) => member.stop()));
    this.#monitor.close();
    await this.#links.close();
  }

  #fresh(size: number): readonly { readonly number: number; readonly joining: Joining }[] {
    const numbers = Array.from({ length: size }, (_, i) => i + 1);
    const places = numbers.map((number) => placeOf(number, this.#layout));
    const initialCluster = places.map((place) => `${place.name}=${peerUrlOf(place)}`).join(',');
    return numbers.map((number) => ({ number, joining: { initialCluster, state: 'new' } }));
  }

  async #place(number: number, joining: Joining): Promise<Member> {
    const place = placeOf(number, this.#layout);
    const member = new Member(place, {
      command: this.#options.command,
      flags: this.#options.flags ?? [],
      env: this.#options.env ?? {},
      directory: this.directory,
      joining,
      onDeath: ({ name, logFile }, how) => this.#options.onNote?.(`${name} ended by itself (${how}), see ${logFile}`),
    });
    await this.#links.addMember(place);
    this.#members.set(number, member);
    return member;
  }

  async #change<T>(change: (client: ReturnType<typeof connect>) => Promise<T>): Promise<T> {
    const running = this.members.filter(({ state }) => state === 'running');
    if (running.length === 0) throw new Error('no member runs');
    const endpoints = running.map(({ place }) => clientEndpointOf(place));
    await using client = connect({ endpoints, deadlineMs: CHANGE_WITHIN_MS });
    return await change(client);
  }

  #pids(): ReadonlyMap<number, string> {
    const pids = new Map<number, string>();
    for (const { pid, name } of this.members) if (pid !== undefined) pids.set(pid, name);
    return pids;
  }

  async #remember(): Promise<void> {
    const members = [...this.#members].map(([number, { joining, pid }]) => ({ number, joining, pid }));
    const list: MemberList = { firstPort: this.#options.firstPort ?? 0, members };
    await writeFile(join(this.directory, LIST_FILE), `${JSON.stringify(list, undefined, 2)}\n`);
  }
}

/** The members that the directory has had; none if it is new. */
async function remembered(directory: string): Promise<MemberList> {
  try {
    return JSON.parse(await readFile(join(directory, LIST_FILE), 'utf8')) as MemberList;
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`${directory}/${LIST_FILE} is damaged`, { cause: error });
    return { firstPort: 0, members: [] };
  }
}

/** How to tell the processes of the members that the directory has had. */
export async function memberMarks(directory: string): Promise<readonly Leftover[]> {
  const { members } = await remembered(directory);
  return members.map(({ number, pid }) => ({ pid, mark: join(resolve(directory), `n${number}`) }));
}

async function forgetAll(directory: string): Promise<void> {
  const names = Array.from({ length: MEMBERS_MAX }, (_, i) => `n${i + 1}`);
  for (const name of [LIST_FILE, ...names, ...names.map((each) => `${each}.log`)]) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}
