/**
 * A random walk through everything that can happen to a cluster: messages late, lost, twice and out of order, slow disks,
 * slow appliers, crashes, cut links, changes of membership, transfers, reads, compactions. RaftChecker looks after each step. In the
 * end everything is healed, and the cluster has to get on: one more proposal must reach every member.
 *
 * A seed decides everything, the mix of events too: one walk is mostly crashes, the next mostly membership.
 */

import { below, bytesOf, fraction, type Prng, pick, present, SeededPrng } from '../../src/base/index.ts';
import type { ConfigurationChange, Limits, MemberChange, MemberId, Message } from '../../src/raft/index.ts';
import { RaftChecker } from '../support/raft-checker.ts';
import { type ClusterMember, RaftCluster, type RaftCode } from '../support/raft-cluster.ts';

/** What can happen, and how often beside the others. Each walk multiplies each by a random factor. */
const WEIGHTS = {
  deliver: 60,
  lose: 2,
  duplicate: 3,
  sync: 20,
  apply: 20,
  tick: 14,
  propose: 8,
  read: 3,
  change: 1,
  transfer: 0.5,
  campaign: 0.3,
  crash: 0.5,
  restart: 2,
  cut: 0.3,
  isolate: 0.3,
  heal: 0.6,
  compact: 1,
  save: 1,
} as const;
type Action = keyof typeof WEIGHTS;

/** Members that may exist in a walk. */
const IDS = ['1', '2', '3', '4', '5', '6', '7'] as const;
/** More messages than that are not kept on their way; the oldest are lost. */
const NETWORK_MAX = 150;
/** Rounds in which a healed cluster must be of one mind. */
const HEALING_ROUNDS_MAX = 600;

const PROPOSAL_ROUNDS = 50;

export interface WalkResult {
  readonly steps: number;
  readonly commit: number;
  readonly term: number;
  readonly reads: number;
}

class Walk {
  readonly #code: RaftCode;
  readonly #prng: Prng;
  readonly #cluster: RaftCluster;
  readonly #checker: RaftChecker;
  readonly #weights: [Action, number][];
  readonly #electionTicks: number;
  #proposed = 0;

  constructor(code: RaftCode, seed: number) {
    this.#code = code;
    this.#prng = new SeededPrng(seed);
    const some = (least: number, most: number) => least + below(this.#prng, most - least + 1);
    this.#electionTicks = some(3, 8);
    const limits: Limits = {
      electionTicks: this.#electionTicks,
      heartbeatTicks: some(1, 2),
      appendBytesMax: some(40, 400),
      inflightMessagesMax: some(1, 6),
      inflightBytesMax: some(50, 1000),
      uncommittedBytesMax: some(100, 2000),
      committedBytesMax: some(40, 400),
      applyingBytesMax: some(40, 1000),
      readsWaitingMax: some(1, 8),
      forwardsWaitingMax: some(1, 8),
    };
    this.#checker = new RaftChecker(() => this.#cluster.members);
    this.#cluster = new RaftCluster(code, limits, seed, this.#checker);
    this.#weights = Object.entries(WEIGHTS).map(([action, weight]) => {
      return [action as Action, weight * 4 ** (fraction(this.#prng) * 2 - 1)];
    });
    const voters = IDS.slice(0, some(1, 5));
    for (const id of voters) this.#cluster.add(id, code.bootstrapped(voters, bytesOf('')));
  }

  run(steps: number): WalkResult {
    for (let step = 0; step < steps; step++) this.#act(this.#choose());
    this.#heal();
    const status = this.#cluster.up.map((member) => member.running.status());
    return {
      steps,
      commit: this.#checker.commitMax,
      term: Math.max(...status.map(({ term }) => term)),
      reads: this.#checker.readsAnswered,
    };
  }

  #choose(): Action {
    const total = this.#weights.reduce((sum, [, weight]) => sum + weight, 0);
    let at = fraction(this.#prng) * total;
    for (const [action, weight] of this.#weights) {
      at -= weight;
      if (at < 0) return action;
    }
    return 'deliver';
  }

  #act(action: Action): void {
    const cluster = this.#cluster;
    const up = cluster.up;
    if (action === 'restart') this.#restart();
    else if (action === 'cut') cluster.cut.add(`${pick(this.#prng, IDS)}>${pick(this.#prng, IDS)}`);
    else if (action === 'isolate') this.#isolate();
    else if (action === 'heal') cluster.cut.clear();
    else if (action === 'deliver' || action === 'lose' || action === 'duplicate') this.#actOnMessage(action);
    else if (up.length > 0) this.#actOn(pick(this.#prng, up), action);
  }

  /** Cuts off one member, half of the time a leader: what a leader believes while others elect the next is where mistakes show. */
  #isolate(): void {
    const leader = this.#cluster.up.find(({ running }) => running.isLeader)?.id;
    const id = leader !== undefined && fraction(this.#prng) < 0.5 ? leader : pick(this.#prng, IDS);
    for (const other of IDS) this.#cluster.cut.add(`${id}>${other}`).add(`${other}>${id}`);
  }

  #actOnMessage(action: 'deliver' | 'lose' | 'duplicate'): void {
    const { network } = this.#cluster;
    if (network.length === 0) return;
    // Mostly in order: otherwise little would get done.
    const at = fraction(this.#prng) < 0.8 ? 0 : below(this.#prng, network.length);
    const message = present(network[at], 'a message');
    // What is proposed twice is in the log twice; see message.ts.
    if (action === 'duplicate' && message.kind !== 'propose') {
      network.push(message);
      return;
    }
    network.splice(at, 1);
    if (action === 'lose') this.#cluster.lose(message);
    else this.#deliver(message);
  }

  #deliver(message: Message): void {
    const { members } = this.#cluster;
    // Someone has heard of a member that does not exist yet: it joins.
    if (!members.has(message.to)) this.#cluster.add(message.to, this.#code.JOINING);
    this.#cluster.deliver(message);
    this.#settle(message.to);
    this.#settle(message.from);
  }

  /** Takes what is ready at a member and checks it. */
  #settle(id: MemberId): void {
    const member = this.#cluster.members.get(id);
    if (member?.raft === undefined) return;
    this.#checker.check(member);
    this.#cluster.take(id);
    this.#checker.check(member);
    const { network } = this.#cluster;
    for (const message of network.splice(0, Math.max(0, network.length - NETWORK_MAX))) this.#cluster.lose(message);
  }

  #restart(): void {
    const down = [...this.#cluster.members.values()].filter((member) => member.raft === undefined);
    if (down.length === 0) return;
    const { id } = pick(this.#prng, down);
    this.#cluster.start(id);
    if (fraction(this.#prng) < 0.5) this.#cluster.member(id).running.fastForward(this.#electionTicks);
    this.#settle(id);
  }

  #actOn(
    member: ClusterMember,
    action: Exclude<Action, 'deliver' | 'lose' | 'duplicate' | 'restart' | 'cut' | 'isolate' | 'heal'>,
  ): void {
    const { id, running: raft } = member;
    const prng = this.#prng;
    switch (action) {
      case 'sync':
        this.#cluster.sync(id, 1 + below(prng, 3));
        break;
      case 'apply':
        this.#cluster.apply(id, 1 + below(prng, 4));
        break;
      case 'tick':
        raft.tick();
        break;
      case 'propose':
        this.#propose(member);
        break;
      case 'read': {
        const ticket = raft.readIndex();
        if (ticket !== undefined) this.#checker.noteRead(member, ticket);
        break;
      }
      case 'change':
        raft.proposeConfigurationChange(this.#change(), bytesOf(''));
        break;
      case 'transfer':
        raft.transferLeadership(pick(prng, IDS));
        break;
      case 'campaign':
        raft.campaign();
        break;
      case 'compact':
        this.#cluster.compact(id, member.machine.index - below(prng, 5));
        break;
      case 'save':
        this.#cluster.save(id);
        break;
      case 'crash':
        this.#cluster.crash(id);
        return;
      default:
        return action satisfies never;
    }
    this.#settle(id);
  }

  #propose(member: ClusterMember): void {
    const contents = Array.from({ length: 1 + below(this.#prng, 3) }, () => {
      this.#proposed++;
      return `p${this.#proposed}${'.'.repeat(below(this.#prng, 30))}`;
    });
    const result = member.running.propose(contents.map(bytesOf));
    this.#checker.noteProposed(member, contents, result);
  }

  #change(): ConfigurationChange {
    const kind = pick(this.#prng, ['change', 'change', 'enterJoint', 'leaveJoint'] as const);
    if (kind === 'leaveJoint') return { kind };
    const changes = Array.from({ length: 1 + below(this.#prng, 3) }, (): MemberChange => {
      const change = pick(this.#prng, ['addVoter', 'addVoter', 'addLearner', 'remove'] as const);
      return { kind: change, id: pick(this.#prng, IDS) };
    });
    return { kind, changes };
  }

  /** Everything works again. Within a bounded time a new proposal must be applied by every member of the leader's configuration. */
  #heal(): void {
    const cluster = this.#cluster;
    cluster.cut.clear();
    for (const member of cluster.members.values()) if (member.raft === undefined) cluster.start(member.id);
    let wanted: number | undefined;
    for (let round = 0; round < HEALING_ROUNDS_MAX; round++) {
      for (const { id } of cluster.up) {
        cluster.sync(id);
        this.#settle(id);
        cluster.apply(id);
        cluster.member(id).running.tick();
        this.#settle(id);
      }
      for (const message of cluster.network.splice(0)) this.#deliver(message);
      const leader = cluster.up.find(({ running }) => running.isLeader);
      if (leader === undefined) continue;
      if (wanted !== undefined && this.#isOfOneMind(leader, wanted)) return;
      // The proposal may have been lost with its leader: another one now and then.
      if (wanted !== undefined && round % PROPOSAL_ROUNDS !== 0) continue;
      const content = `healed in round ${round}`;
      const result = leader.running.propose([bytesOf(content)]);
      this.#checker.noteProposed(leader, [content], result);
      if (result.kind === 'appended') wanted = result.index;
    }
    const lines = cluster.up.flatMap(({ running }) => this.#code.describeStatus(running.status()));
    throw new Error(`stuck: not of one mind ${HEALING_ROUNDS_MAX} rounds after healing\n${lines.join('\n')}`);
  }

  #isOfOneMind(leader: ClusterMember, wanted: number): boolean {
    const { configuration } = leader.running.status();
    const ids = this.#code.membersOf(configuration);
    return ids.every((id) => (this.#cluster.members.get(id)?.machine.index ?? 0) >= wanted);
  }
}

/** Walks `steps` steps from `seed`. Throws at the first thing that must not be. */
export function walk(code: RaftCode, seed: number, steps: number): WalkResult {
  return new Walk(code, seed).run(steps);
}
