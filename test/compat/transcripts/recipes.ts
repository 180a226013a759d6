/** Locks and elections. Those who must wait are asked for their answer when they should have it. */

import {
  begin,
  create,
  del,
  differs,
  type Fields,
  grant,
  leader,
  noted,
  open,
  proclaim,
  range,
  read,
  readTo,
  resign,
  revoke,
  type Step,
  type Transcript,
  unlock,
} from '../exchange.ts';

const leasesOf = (...ids: readonly number[]): readonly Step[] => ids.map((ID) => grant(600, { ID }));
const everything = (): Step => range('\0', { range_end: '\0' });

/** The answer to a call that has waited for it, and how the call ended. */
const answered = (stream: string): Step => ({ kind: 'read', stream, until: { end: true } });

/** A watch that tells when those who are to wait stand in line. */
const onlooker = (name: string): readonly Step[] => [
  open('line'),
  create('line', { key: `${name}/`, range_end: `${name}0` }),
  read('line', 1),
];
const stands = (revision: number): Step => readTo('line', { 0: revision });

/** One who gets the lock at once. */
const locked = (stream: string, name: string, lease: number): readonly Step[] => [
  ...begin(stream, 'Lock', { name, lease }),
  answered(stream),
];
const elected = (stream: string, name: string, lease: number, value: string): readonly Step[] => [
  ...begin(stream, 'Campaign', { name, lease, value }),
  answered(stream),
];

const one = (rev: number, fields: Fields = {}): Fields => ({ name: 'e', key: 'e/1', rev, lease: 1, ...fields });

export const recipes: readonly Transcript[] = [
  {
    name: 'lock: one after the other',
    steps: [
      ...leasesOf(1, 2, 0x3f),
      ...onlooker('n'),
      ...locked('a', 'n', 1),
      everything(),
      ...locked('again', 'n', 1),
      ...begin('b', 'Lock', { name: 'n', lease: 2 }),
      stands(3),
      ...locked('other', 'other', 2),
      ...begin('c', 'Lock', { name: 'n', lease: 0x3f }),
      stands(5),
      everything(),
      unlock('n/1'),
      answered('b'),
      everything(),
      unlock('n/2'),
      answered('c'),
      unlock('n/3f'),
      everything(),
    ],
  },
  {
    name: 'lock: leases that go',
    steps: [
      ...leasesOf(1, 2, 3),
      ...onlooker('n'),
      ...locked('a', 'n', 1),
      ...begin('b', 'Lock', { name: 'n', lease: 2 }),
      stands(3),
      revoke(1),
      answered('b'),
      everything(),
      ...begin('c', 'Lock', { name: 'n', lease: 3 }),
      stands(5),
      del('n/2'),
      answered('c'),
      everything(),
    ],
  },
  {
    name: 'lock: a lease that goes while its owner waits',
    steps: [
      ...leasesOf(1, 2),
      ...onlooker('n'),
      ...locked('a', 'n', 1),
      ...begin('b', 'Lock', { name: 'n', lease: 2 }),
      stands(3),
      revoke(2),
      unlock('n/1'),
      differs('deadLease', answered('b')),
      everything(),
    ],
  },
  {
    name: 'lock: what is refused',
    steps: [
      ...begin('a', 'Lock', { name: 'n', lease: 9 }),
      differs('recipeStatus', answered('a')),
      differs('recipeStatus', unlock('')),
      unlock('nobody/1'),
      ...leasesOf(1),
      ...locked('b', '', 1),
      everything(),
      unlock('/1'),
    ],
  },
  {
    name: 'election: leads, speaks, resigns',
    steps: [
      ...leasesOf(1, 2),
      ...onlooker('e'),
      leader('e'),
      ...elected('a', 'e', 1, 'one'),
      leader('e'),
      proclaim(one(2), 'uno'),
      leader('e'),
      noted('of another revision', proclaim(one(3), 'not me')),
      noted('with a lease that is not there', differs('recipeStatus', proclaim(one(2, { lease: 9 }), 'x'))),
      noted('with another lease', proclaim(one(2, { lease: 2 }), 'with two')),
      everything(),
      ...begin('b', 'Campaign', { name: 'e', lease: 2, value: 'two' }),
      stands(5),
      noted('of another revision', resign(one(3))),
      leader('e'),
      resign(one(2)),
      answered('b'),
      leader('e'),
      noted('once more', resign(one(2))),
      noted('leads no more', proclaim(one(2), 'still me')),
      everything(),
    ],
  },
  {
    name: 'election: a candidate that stands already',
    steps: [
      ...leasesOf(1),
      ...elected('a', 'e', 1, 'one'),
      ...elected('b', 'e', 1, 'one'),
      ...elected('c', 'e', 1, 'another'),
      everything(),
    ],
  },
  {
    name: 'election: what is refused',
    steps: [
      leader('e'),
      leader(''),
      proclaim(undefined, 'x'),
      resign(),
      ...begin('a', 'Campaign', { name: 'e', lease: 9, value: 'x' }),
      differs('recipeStatus', answered('a')),
      ...leasesOf(1),
      ...begin('b', 'Campaign', { name: 'e', lease: 1 }),
      answered('b'),
      ...elected('c', '', 1, 'nameless'),
      everything(),
    ],
  },
  {
    name: 'election: observed',
    steps: [
      ...leasesOf(1, 2),
      ...onlooker('e'),
      ...elected('a', 'e', 1, 'one'),
      ...begin('o', 'Observe', { name: 'e' }),
      read('o', 1),
      proclaim(one(2), 'uno'),
      read('o', 1),
      proclaim(one(2), 'una'),
      read('o', 1),
      ...begin('b', 'Campaign', { name: 'e', lease: 2, value: 'two' }),
      stands(5),
      resign(one(2)),
      answered('b'),
      read('o', 1),
      revoke(2),
      ...leasesOf(3),
      ...elected('c', 'e', 3, 'three'),
      read('o', 1),
    ],
  },
];
