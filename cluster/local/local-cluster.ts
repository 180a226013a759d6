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
import { type Client, connect, type MemberInfo } from '../../src/client/index.ts';
import { type ClusterTls, makeClusterTls } from '../certificates/index.ts';
import { requireBuilt } from '../process/index.ts';
import { CAN_TELL_OWNERS, type Link } from '../proxy/index.ts';
import { FailpointClient } from './failpoint-client.ts';
import {
  clientEndpointOf,
  failpointAddressOf,
  type Joining,
  type Layout,
  LOOPBACK_HOSTS,
  MEMBERS_MAX,
  type MemberPlace,
  peerUrlOf,
  placeOf,
} from './layout.ts';
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
  /** Whether members have failpoints. */
  readonly failpoints?: boolean;
  readonly directory: string;
  /** Members of a cluster that is new. */
  readonly size: number;
  /** Whether what is in the directory is thrown away first. */
  readonly fresh?: boolean;
  /** The first of two ports a member, in place of 2379, 22379, 32379. */
  readonly firstPort?: number | undefined;
  /** Mutual TLS on both ports of every member. */
  readonly secure?: boolean;
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
  readonly secure: boolean;
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
  readonly #monitor: Monitor;
  readonly #clusterTls: ClusterTls | undefined;

  private constructor(options: LocalClusterOptions, clusterTls: ClusterTls | undefined) {
    this.#options = options;
    this.#clusterTls = clusterTls;
    this.#layout = { firstPort: options.firstPort, linked: CAN_TELL_OWNERS, secure: clusterTls !== undefined };
    this.#monitor = new Monitor(clusterTls?.client);
    this.directory = resolve(options.directory);
    this.#links = new PeerLinks(() => this.#pids());
  }

  /** Starts all members. Resolves when the processes run; see untilReady. */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    requireBuilt(options.command);
    const directory = resolve(options.directory);
    await mkdir(directory, { recursive: true });
    await endLeftovers(await memberMarks(directory));
    if (options.fresh === true) await forgetAll(directory);
    const { firstPort, secure, members: known } = await remembered(directory);
    if (known.length > 0 && firstPort !== (options.firstPort ?? 0)) {
      throw new Error(`the cluster in ${directory} was made with other ports: use another --data-dir`);
    }
    const isSecure = options.secure ?? false;
    if (known.length > 0 && secure !== isSecure) {
      throw new Error(
        `the cluster in ${directory} was made ${secure ? 'with' : 'without'} TLS: use another --data-dir`,
      );
    }
    const clusterTls = isSecure ? await makeClusterTls(join(directory, 'tls'), LOOPBACK_HOSTS) : undefined;
    const cluster = new LocalCluster(options, clusterTls);
    try {
      for (const { number, joining } of known.length > 0 ? known : cluster.#fresh(options.size)) {
        await cluster.#links.addMember(cluster.#place(number, joining).place);
      }
      for (const member of cluster.members) await member.start();
      await cluster.#remember();
    } catch (error) {
      await cluster.down();
      throw error;
    }
    return cluster;
  }

  /** For clients; undefined if the cluster speaks no TLS. */
  get tls(): ClusterTls['client'] | undefined {
    return this.#clusterTls?.client;
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

  /** `env`: for this life of the process only. */
  async start(name: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.member(name).start(env);
    await this.#remember();
  }

  pause(name: string): void {
    this.member(name).pause();
  }

  resume(name: string): void {
    this.member(name).resume();
  }

  /** Of a cluster that was started with failpoints. */
  async arm(name: string, failpoint: string, terms: string): Promise<void> {
    await this.#failpoints(this.member(name)).arm(failpoint, terms);
  }

  /** Turns off every failpoint of every member that runs. */
  async disarm(): Promise<void> {
    if (this.#options.failpoints !== true) return;
    for (const member of this.members) if (member.state === 'running') await this.#disarm(member);
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

  /** Adds a member to the cluster, a voter unless said otherwise, and starts it. Resolves to its name. Rejects with the server's refusal. */
  async add({ isLearner = false }: { readonly isLearner?: boolean } = {}): Promise<string> {
    const number = Array.from({ length: MEMBERS_MAX }, (_, i) => i + 1).find((free) => !this.#members.has(free));
    if (number === undefined) throw new Error(`a local cluster has ${MEMBERS_MAX} members at most`);
    const place = placeOf(number, this.#layout);
    // First: a member whose address is taken would be one that the others count and that never comes.
    await this.#links.addMember(place);
    const joining = await this.#joining(place, isLearner).catch(async (error: unknown) => {
      await this.#links.removeMember(place.name);
      throw error;
    });
    const member = this.#place(number, joining);
    await member.forget();
    await member.start();
    await this.#remember();
    return member.name;
  }

  /** Has the cluster take a member in. Resolves to what the member must know to join. */
  #joining(place: MemberPlace, isLearner: boolean): Promise<Joining> {
    return this.#change(async (client) => {
      const url = peerUrlOf(place);
      const before = await client.memberList();
      // An attempt whose answer was lost may have done it.
      const isKnown = before.members.some(({ peerUrls }) => peerUrls.includes(url));
      const { members } = isKnown ? before : await client.memberAdd([url], { isLearner });
      const urls = members.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name || place.name}=${url}`));
      return { initialCluster: urls.join(','), state: 'existing' };
    });
  }

  /** Gives a learner a vote, unless it has one. Rejects with the server's refusal: it may not have caught up yet. */
  async promote(name: string): Promise<void> {
    const member = this.member(name);
    await this.#change(async (client) => {
      const info = await infoOf(client, member);
      if (info === undefined) throw new Error(`the cluster does not know ${name}`);
      if (info.isLearner) await client.memberPromote(info.id);
    });
  }

  /** Removes a member from the cluster, ends it, and removes its data. Rejects with the server's refusal. */
  async remove(name: string): Promise<void> {
    const member = this.member(name);
    await this.#change(async (client) => {
      const info = await infoOf(client, member);
      // One that hears of its removal ends by itself.
      member.expectEnd();
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

  #place(number: number, joining: Joining): Member {
    const place = placeOf(number, this.#layout);
    const member = new Member(place, {
      command: this.#options.command,
      flags: [...(this.#options.flags ?? []), ...(this.#clusterTls?.flags ?? [])],
      env: {
        ...this.#options.env,
        ...(this.#options.failpoints === true ? { GOFAIL_HTTP: failpointAddressOf(place) } : {}),
      },
      directory: this.directory,
      joining,
      onDeath: ({ name, logFile }, how) => this.#options.onNote?.(`${name} ended by itself (${how}), see ${logFile}`),
    });
    this.#members.set(number, member);
    return member;
  }

  async #change<T>(change: (client: Client) => Promise<T>): Promise<T> {
    const running = this.members.filter(({ state }) => state === 'running');
    if (running.length === 0) throw new Error('no member runs');
    const endpoints = running.map(({ place }) => clientEndpointOf(place));
    await using client = connect({ endpoints, tls: this.tls, deadlineMs: CHANGE_WITHIN_MS });
    return await change(client);
  }

  #failpoints(member: Member): FailpointClient {
    return new FailpointClient(failpointAddressOf(member.place));
  }

  async #disarm(member: Member): Promise<void> {
    const giveUpAt = Date.now() + CHANGE_WITHIN_MS;
    for (;;) {
      const failure = await this.#failpoints(member)
        .disarmAll()
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      // It may have crashed at one of them just now, before we hear of it.
      if (failure === undefined || member.state === 'down') return;
      if (Date.now() > giveUpAt) throw failure;
      await sleep(LOOK_EVERY_MS);
    }
  }

  #pids(): ReadonlyMap<number, string> {
    const pids = new Map<number, string>();
    for (const { pid, name } of this.members) if (pid !== undefined) pids.set(pid, name);
    return pids;
  }

  async #remember(): Promise<void> {
    const members = [...this.#members].map(([number, { joining, pid }]) => ({ number, joining, pid }));
    const list: MemberList = { firstPort: this.#options.firstPort ?? 0, secure: this.tls !== undefined, members };
    await writeFile(join(this.directory, LIST_FILE), `${JSON.stringify(list, undefined, 2)}\n`);
  }
}

/** What the cluster knows of it; undefined if it does not know it. */
async function infoOf(client: Client, member: Member): Promise<MemberInfo | undefined> {
  const { members } = await client.memberList();
  const url = peerUrlOf(member.place);
  return members.find(({ peerUrls }) => peerUrls.includes(url));
}

/** The members that the directory has had; none if it is new. */
async function remembered(directory: string): Promise<MemberList> {
  try {
    return JSON.parse(await readFile(join(directory, LIST_FILE), 'utf8')) as MemberList;
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`${directory}/${LIST_FILE} is damaged`, { cause: error });
    return { firstPort: 0, secure: false, members: [] };
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
