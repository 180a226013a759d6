/**
 * Changes of membership, asked of a member that does not lead, by Debian's etcdctl 3.4: what it is told is what etcd tells it.
 * The same commands are run against three members of each, and what was printed is compared, ids and ports aside.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LocalCluster } from '../../cluster/local/index.ts';
import { commandOf } from '../../cluster/process/index.ts';
import { present } from '../../src/base/index.ts';
import { connect } from '../../src/client/index.ts';
import { runProgram } from '../support/run-program.ts';
import { hasEtcd } from '../support/servers.ts';
import { withTemporaryDirectory } from '../support/temporary-directory.ts';

const FIRST_PORT = 25_700;
const READY_WITHIN_MS = 30_000;
const FLAGS = ['--heartbeat-interval=50', '--election-timeout=500'];
/** etcd refuses changes until all members have been connected for five seconds. */
const LOOK_AGAIN_MS = 250;

type Session = (line: string) => Promise<string>;

/** Talks to the first member that follows, in etcdctl's words; ids are replaced by names. */
async function sessionWith(cluster: LocalCluster): Promise<Session> {
  const { members, leader } = await cluster.untilReady(READY_WITHIN_MS);
  const follower = present(
    members.find(({ name }) => name !== leader),
    'a follower',
  );
  await using client = connect({ endpoints: [follower.endpoint] });
  const ids = new Map((await client.memberList()).members.map(({ id, name }) => [name, id.toString(16)]));
  const env = { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: follower.endpoint };
  return async (line) => {
    const words = line.split(' ').map((word) => ids.get(word) ?? word);
    const { stdout, stderr } = await runProgram('etcdctl', ['--command-timeout=20s', ...words], { env });
    const added = /^Member +([0-9a-f]+) added/.exec(stdout)?.[1];
    if (added !== undefined) ids.set('n4', added);
    const errors = stderr.replace(/^\{.*"error":"rpc error: code = (\w+) desc = (.*)"\}$/gm, '$1 $2');
    return `${stdout}${errors}`.replaceAll(/ +[0-9a-f]{13,16}\b/g, ' ID').replace(/CLUSTER="(.*)"/, inOrder);
  };
}

/** Members come in the order of their ids, which are drawn anew each time. */
const inOrder = (_: string, members: string): string => `CLUSTER="${members.split(',').sort().join()}"`;

/** Tried again while the answer is this one, which only time will change. */
async function patiently(session: Session, line: string, unlike: RegExp): Promise<string> {
  for (;;) {
    const answer = await session(line);
    if (!unlike.test(answer)) return answer;
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Of those with a vote from the beginning: one that neither leads nor is talked to, and the leader. */
async function rolesOf(cluster: LocalCluster, learner: string): Promise<readonly string[]> {
  const { members, leader = '' } = await cluster.look();
  const following = members.filter(({ name }) => name !== leader && name !== learner).map(({ name }) => name);
  return [following[1] ?? '', leader];
}

const url = (number: number): string => `http://127.0.0.1:${FIRST_PORT + 2 * number - 1}`;

const REFUSED_AT_FIRST: readonly string[] = [
  'member promote 123',
  'member promote n1',
  'member remove 123',
  `member update 123 --peer-urls=${url(9)}`,
  `member update n1 --peer-urls=${url(2)}`,
  'member add n9 --peer-urls=nonsense',
];

async function transcript(server: string | undefined): Promise<readonly string[]> {
  return await withTemporaryDirectory(async (directory) => {
    const options = { command: commandOf(server), flags: FLAGS, directory, size: 3, firstPort: FIRST_PORT };
    const cluster = await LocalCluster.start(options);
    try {
      const session = await sessionWith(cluster);
      const told: string[] = [];
      const say = async (line: string): Promise<void> => void told.push(`${line}: ${await session(line)}`);
      for (const line of REFUSED_AT_FIRST) await say(line);
      told.push(await patiently(session, `member add n9 --peer-urls=${url(2)}`, /unhealthy/));
      told.push(await patiently(session, `member add n4 --learner --peer-urls=${url(7)}`, /unhealthy/));
      await say('member promote n4');
      await say(`member add n5 --learner --peer-urls=${url(5)}`);
      await say('member remove n4');
      await say(`member update n3 --peer-urls=${url(3)},${url(6)}`);
      const learner = await cluster.add({ isLearner: true });
      await using client = connect({ endpoints: cluster.endpoints });
      const { id } = present(
        (await client.memberList()).members.find(({ isLearner }) => isLearner),
        'the learner',
      );
      told.push(`promoted: ${await patiently(session, `member promote ${id.toString(16)}`, /in sync with leader/)}`);
      told.push(`once more: ${await session(`member promote ${id.toString(16)}`)}`);
      await cluster.kill(learner);
      told.push(`one is away: ${await patiently(session, `member add n5 --peer-urls=${url(5)}`, /Member/)}`);
      // Three voters of four are there: one may go, and then no other whose going would leave one of two.
      const [bystander = '', leads = ''] = await rolesOf(cluster, learner);
      told.push(`one goes: ${await session(`member remove ${bystander}`)}`);
      told.push(`and another: ${await session(`member remove ${leads}`)}`);
      return told;
    } finally {
      await cluster.down();
    }
  });
}

test.skipIf(!hasEtcd())(
  'what a follower tells etcdctl of changes of membership is what a follower of etcd tells it',
  async () => {
    const ours = await transcript(undefined);
    expect(ours).toEqual(await transcript('etcd'));
  },
);
