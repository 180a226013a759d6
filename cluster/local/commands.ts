/** What can be asked of a running cluster, as words of a command line, and what is answered. */

import type { LocalCluster } from './local-cluster.ts';
import { viewTable } from './screen.ts';

export const COMMANDS: Readonly<Record<string, string>> = {
  'kill n1': 'SIGKILL',
  'start n1': 'start it again',
  'pause n1': 'SIGSTOP: it is there and does nothing',
  'resume n1': 'SIGCONT',
  'cut n1 n2': 'the two do not reach each other (Linux only)',
  heal: 'all members reach each other again',
  add: 'one more member',
  learner: 'one more member, without a vote',
  'promote n4': 'a learner gets a vote',
  'remove n3': 'one member less; its data is removed',
  status: 'who does what',
  down: 'stop all members and the runner; the data stays',
};

/** Names of the commands, the first word of each. */
export const COMMAND_NAMES: ReadonlySet<string> = new Set(
  Object.keys(COMMANDS).map((usage) => usage.replace(/ .*/, '')),
);

/** Does what the words say. `down` is not done here: it is the runner's end. Rejects with what is wrong. */
export async function command(cluster: LocalCluster, words: readonly string[]): Promise<string> {
  const [verb = '', one = '', other = ''] = words;
  const wanted = Object.keys(COMMANDS).find((usage) => usage.split(' ')[0] === verb);
  if (wanted === undefined) throw new Error(`unknown command '${verb}'`);
  if (wanted.split(' ').length !== words.length) throw new Error(`usage: ${wanted}`);
  switch (verb) {
    case 'kill':
      await cluster.kill(one);
      return `${one} is gone`;
    case 'start':
      await cluster.start(one);
      return `${one} runs`;
    case 'pause':
      cluster.pause(one);
      return `${one} is paused`;
    case 'resume':
      cluster.resume(one);
      return `${one} goes on`;
    case 'cut':
      cluster.cut(one, other);
      return `${one} and ${other} do not reach each other`;
    case 'heal':
      cluster.heal();
      return 'all links are whole';
    case 'add':
      return `${await cluster.add()} is a member`;
    case 'learner':
      return `${await cluster.add({ isLearner: true })} is a learner`;
    case 'promote':
      await cluster.promote(one);
      return `${one} has a vote`;
    case 'remove':
      await cluster.remove(one);
      return `${one} is no member any more`;
    default:
      return viewTable(await cluster.look(), cluster.faults);
  }
}
