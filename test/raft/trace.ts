/**
 * Runs the traces in testdata/: documents that tell what a cluster is told to do and what it then does.
 *
 *     # Prose.
 *     > propose 1 x
 *       1: write 3: entries [4/2 "x"]
 *       1>2 t2 appendEntries after 3/2 [4/2 "x"] commit 3
 *
 * A line with '>' is a command; the indented lines below it are what came of it: what each member's Ready held, and each message as it
 * was sent. Everything else is prose. Messages stay on their way until they are delivered or dropped. Disks are fast unless
 * made slow: what is to be written is synced at once. Nobody's clock ticks unless told to. The commands:
 *
 *     limits NAME=N ...            before the members
 *     members 1 2 3                a new cluster: the configuration is entry 1, committed
 *     stored 1 2 3 : 1 term 4 log 1 1 4    member 1 of such a cluster, found with these terms in its log from entry 1 on
 *     join 4                       a member that knows nothing
 *     campaign 1 | tick 1 [N] | propose 1 x [y ...] | read 1 | transfer 1 2
 *     change 1 +4 -1 ~5            voter 4 in, 1 out, 5 a learner;   also enterJoint 1 ..., leaveJoint 1
 *     deliver [1>2 | to 2 | among 1 2 3]
 *                                  everything until all is quiet; what is on its way now on that link or to that member; or until it is
 *                                  quiet among these, and what goes to others stays on its way
 *     drop [1>2 | to 2]            what is on its way now
 *     cut 1 2 | isolate 1 | heal   links lose what is delivered over them
 *     crash 1 | restart 1 | slow 1 (writes wait) | sync 1 [N] (N writes, or all) | fast 1 (syncs from now on)
 *     compact 1 N | save 1 | status [1] | log 1 | quietly COMMAND (shows nothing)
 */

import { bytesOf, present } from '../../src/base/index.ts';
import * as raft from '../../src/raft/index.ts';
import { RaftChecker } from '../support/raft-checker.ts';
import { RaftCluster, type RaftCode } from '../support/raft-cluster.ts';

const SEED = 1;
/** Deliveries until a cluster must be quiet. */
const DELIVERIES_MAX = 10_000;

const LIMITS: raft.Limits = { ...raft.LIMITS_DEFAULT, electionTicks: 10, heartbeatTicks: 1 };

class Trace {
  readonly #code: RaftCode;
  #limits = LIMITS;
  readonly #checker = new RaftChecker(() => this.#cluster.members);
  #cluster: RaftCluster;
  readonly #slow = new Set<string>();
  #lines: string[] = [];

  constructor(code: RaftCode) {
    this.#code = code;
    this.#cluster = new RaftCluster(code, LIMITS, SEED, this.#checker);
  }

  /** What came of a command. */
  run(command: string): string[] {
    this.#lines = [];
    const [name = '', ...words] = command.split(/\s+/);
    if (name === 'quietly') {
      this.run(words.join(' '));
      return [];
    }
    this.#command(name, words);
    return this.#lines;
  }

  #command(name: string, words: readonly string[]): void {
    const [first = '', ...rest] = words;
    switch (name) {
      case 'limits':
        this.#limits = { ...this.#limits, ...Object.fromEntries(words.map(limitOf)) };
        this.#cluster = new RaftCluster(this.#code, this.#limits, SEED, this.#checker);
        return;
      case 'members':
        for (const id of words) this.#cluster.add(id, raft.bootstrapped(words, bytesOf('')));
        for (const id of words) this.#settle(id);
        return;
      case 'stored':
        return this.#stored(words.join(' '));
      case 'join':
        this.#cluster.add(first, raft.JOINING);
        return this.#settle(first);
      case 'deliver':
      case 'drop':
        return this.#move(name, words);
      case 'cut':
        this.#cut(first, rest);
        return;
      case 'isolate':
        this.#cut(first, [...this.#cluster.members.keys()]);
        return;
      case 'heal':
        this.#cluster.cut.clear();
        return;
      case 'status':
        for (const id of words.length > 0 ? words : this.#cluster.up.map((member) => member.id)) {
          this.#lines.push(...raft.describeStatus(this.#cluster.member(id).running.status()));
        }
        return;
      default:
        return this.#commandOf(name, first, rest);
    }
  }

  /** Commands to one member. */
  #commandOf(name: string, id: string, rest: readonly string[]): void {
    const member = this.#cluster.member(id);
    switch (name) {
      case 'crash':
        this.#cluster.crash(id);
        return;
      case 'restart':
        this.#cluster.start(id);
        break;
      case 'slow':
        this.#slow.add(id);
        return;
      case 'fast':
        this.#slow.delete(id);
        break;
      case 'sync':
        this.#cluster.sync(id, rest[0] === undefined ? undefined : Number(rest[0]));
        break;
      case 'save':
        this.#cluster.save(id);
        return;
      case 'compact':
        this.#cluster.compact(id, Number(rest[0]));
        return;
      case 'log': {
        const { snapshot, entries, hardState } = member.stored;
        this.#lines.push(
          `${id} has on disk: ${raft.describeHardState(hardState)}; after ${raft.describePosition(snapshot)}`,
        );
        this.#lines.push(`  ${raft.describeEntries(entries)}`);
        return;
      }
      default:
        this.#request(name, id, rest);
    }
    this.#settle(id);
  }

  /** Calls on a member's Raft. */
  #request(name: string, id: string, rest: readonly string[]): void {
    const member = this.#cluster.member(id);
    switch (name) {
      case 'campaign':
        return member.running.campaign();
      case 'tick':
        for (let i = 0; i < Number(rest[0] ?? 1); i++) {
          member.running.tick();
          this.#settle(id);
        }
        return;
      case 'propose': {
        const result = member.running.propose(rest.map(bytesOf));
        this.#checker.noteProposed(member, rest, result);
        return this.#answer(id, result);
      }
      case 'read': {
        const ticket = member.running.readIndex();
        if (ticket === undefined) this.#lines.push(`${id}: read refused`);
        else this.#checker.noteRead(member, ticket);
        return;
      }
      case 'transfer':
        this.#lines.push(`${id}: ${member.running.transferLeadership(rest[0] ?? '')}`);
        return;
      case 'change':
      case 'enterJoint':
        return this.#answer(
          id,
          member.running.proposeConfigurationChange({ kind: name, changes: rest.map(changeOf) }, bytesOf('')),
        );
      case 'leaveJoint':
        return this.#answer(id, member.running.proposeConfigurationChange({ kind: name }, bytesOf('')));
      default:
        throw new Error(`no such command: ${name}`);
    }
  }

  #answer(id: string, result: raft.ProposeResult): void {
    this.#lines.push(`${id}: ${result.kind === 'forwarded' ? 'forwarded' : raft.describeAnswer(result)}`);
  }

  #stored(text: string): void {
    const match = present(/^([\w ]+) : (\w+) term (\d+) log ([\d ]+)$/.exec(text) ?? undefined, `sense in ${text}`);
    const [, voters = '', id = '', term = '', terms = ''] = match;
    const { snapshot, entries } = raft.bootstrapped(voters.split(' '), bytesOf(''));
    const more = terms.split(' ').slice(1);
    const rest = more.map((term, i): raft.Entry => {
      return { kind: 'normal', index: i + 2, term: Number(term), data: bytesOf(`${i + 2}/${term}`) };
    });
    const hardState = { term: Number(term), vote: undefined, commit: 1 };
    this.#cluster.add(id, { snapshot, hardState, entries: [...entries, ...rest] });
    this.#settle(id);
  }

  #cut(id: string, others: readonly string[]): void {
    for (const other of others) this.#cluster.cut.add(`${id}>${other}`).add(`${other}>${id}`);
  }

  /** Delivers or drops: what is on its way now on one link or to one member, or, without words, all there is and what comes of it. */
  #move(how: 'deliver' | 'drop', words: readonly string[]): void {
    const [first, to] = words;
    const isMeant = ({ from, to: receiver }: raft.Message) => {
      if (first === 'among') return words.includes(from) && words.includes(receiver);
      return first === undefined || first === `${from}>${receiver}` || (first === 'to' && to === receiver);
    };
    const once = how === 'drop' || (first !== undefined && first !== 'among');
    for (let i = 0; i < DELIVERIES_MAX; i++) {
      const { network } = this.#cluster;
      const moving = network.filter(isMeant);
      if (moving.length === 0) return;
      this.#cluster.network = network.filter((message) => !isMeant(message));
      for (const message of moving) this.#moveOne(how, message);
      if (once) return;
    }
    throw new Error('the cluster does not come to rest');
  }

  #moveOne(how: 'deliver' | 'drop', message: raft.Message): void {
    if (how === 'drop') this.#cluster.lose(message);
    const arrived = how === 'deliver' && this.#cluster.deliver(message);
    if (!arrived) this.#lines.push(`lost ${raft.describeMessage(message)}`);
    this.#settle(message.to);
    this.#settle(message.from);
  }

  /** Lets a member do all that it can do by itself. */
  #settle(id: string): void {
    const member = this.#cluster.members.get(id);
    const running = member?.raft;
    if (member === undefined || running === undefined) return;
    do {
      this.#checker.check(member);
      const taken = this.#cluster.take(id);
      for (const ready of taken) {
        for (const line of raft.describeReady(ready)) this.#lines.push(`${id}: ${line}`);
        for (const message of ready.messages) this.#lines.push(raft.describeMessage(message));
      }
      if (!this.#slow.has(id)) this.#cluster.sync(id);
      this.#cluster.apply(id);
    } while (running.hasReady);
  }
}

function limitOf(word: string): [string, number] {
  const [name = '', value] = word.split('=');
  return [name, Number(value)];
}

function changeOf(word: string): raft.MemberChange {
  const kinds: Record<string, raft.MemberChange['kind']> = { '+': 'addVoter', '-': 'remove', '~': 'addLearner' };
  return { kind: present(kinds[word.charAt(0)], `the kind of change ${word}`), id: word.slice(1) };
}

/** The document with everything that came of its commands put in place of what was there. */
export function retold(document: string, code: RaftCode = raft): string {
  const trace = new Trace(code);
  const lines: string[] = [];
  for (const line of document.split('\n')) {
    if (line.startsWith('  ')) continue;
    lines.push(line);
    if (line.startsWith('> ')) lines.push(...trace.run(line.slice(2)).map((one) => `  ${one}`));
  }
  return lines.join('\n');
}
