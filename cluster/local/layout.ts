/**
 * Where each member of a local cluster is. Everything is on loopback addresses:
 *
 *             clients                 other members call          it listens for members at
 *     n1      127.0.0.1:2379          127.0.0.1:2380              127.0.0.11:2380
 *     n2      127.0.0.1:22379         127.0.0.1:22380             127.0.0.12:22380
 *     n3      127.0.0.1:32379         127.0.0.1:32380             127.0.0.13:32380
 *
 * Between the address that is called and the one that listens stands the link proxy. Where there are no links (systems other
 * than Linux, which also have no second loopback address) the member itself listens where it is called.
 */

import type { Address } from '../proxy/index.ts';

export interface MemberPlace {
  readonly name: string;
  /** Of both ports. */
  readonly scheme: 'http' | 'https';
  readonly clientPort: number;
  readonly peerPort: number;
  /** Where the member listens for others. */
  readonly peerListen: Address;
  /** Where its failpoints are armed, if it has any. */
  readonly failpointPort: number;
}

/** Members a local cluster may have. */
export const MEMBERS_MAX = 6;

const LOOPBACK = '127.0.0.1';
const CLIENT_PORT = 2379;
const PEER_PORT = 2380;
const FAILPOINT_PORT = 2381;
const PORTS_BETWEEN = 10_000;

export interface Layout {
  /** The first of two ports a member, in place of 2379, 22379, 32379 and so on. */
  readonly firstPort: number | undefined;
  /** Whether link proxies stand between the members. */
  readonly linked: boolean;
  /** Whether both ports speak TLS. */
  readonly secure?: boolean;
}

/** Where members of any number may be. */
export const LOOPBACK_HOSTS: readonly string[] = [
  'localhost',
  '127.0.0.1',
  ...Array.from({ length: MEMBERS_MAX }, (_, i) => linkedHost(i + 1)),
];

/** The place of member number `number`, from 1. */
export function placeOf(number: number, layout: Layout): MemberPlace {
  // n1 has etcd's ports; the others those that a local cluster of etcd has always had.
  const offset = number === 1 ? 0 : number * PORTS_BETWEEN;
  const { firstPort } = layout;
  const first = firstPort === undefined ? undefined : firstPort + 2 * (number - 1);
  const peerPort = first === undefined ? PEER_PORT + offset : first + 1;
  return {
    name: `n${number}`,
    scheme: layout.secure === true ? 'https' : 'http',
    clientPort: first ?? CLIENT_PORT + offset,
    peerPort,
    peerListen: { host: layout.linked ? linkedHost(number) : LOOPBACK, port: peerPort },
    // Behind the ports of all members.
    failpointPort: firstPort === undefined ? FAILPOINT_PORT + offset : firstPort + 2 * MEMBERS_MAX + number - 1,
  };
}

/** Where a member listens behind its proxy. */
function linkedHost(number: number): string {
  return `127.0.0.${10 + number}`;
}

export function clientEndpointOf(place: MemberPlace): string {
  return `${LOOPBACK}:${place.clientPort}`;
}

export function failpointAddressOf(place: MemberPlace): string {
  return `${LOOPBACK}:${place.failpointPort}`;
}

/** Where other members call it. */
export function peerCalledOf(place: MemberPlace): Address {
  return { host: LOOPBACK, port: place.peerPort };
}

/** What the members' URLs for one another are. */
export function peerUrlOf(place: MemberPlace): string {
  return `${place.scheme}://${LOOPBACK}:${place.peerPort}`;
}

/** How a member finds its cluster when it starts for the first time. */
export interface Joining {
  /** 'n1=http://…,n2=http://…' */
  readonly initialCluster: string;
  readonly state: 'new' | 'existing';
}

/** What the member is started with. */
export function flagsOf(place: MemberPlace, dataDir: string, joining: Joining): readonly string[] {
  const client = `${place.scheme}://${clientEndpointOf(place)}`;
  return [
    `--name=${place.name}`,
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${place.scheme}://${place.peerListen.host}:${place.peerListen.port}`,
    `--initial-advertise-peer-urls=${peerUrlOf(place)}`,
    `--initial-cluster=${joining.initialCluster}`,
    `--initial-cluster-state=${joining.state}`,
  ];
}
