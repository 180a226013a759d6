/**
 * The links between all members of a local cluster, and the proxies that make them true.
 *
 *              to n1    to n2    to n3
 *     from n1    .      link     link          one proxy a column (in front of the member that is called),
 *     from n2   link     .       link          one link a cell
 *     from n3   link    link      .
 *
 * Callers that are no member (etcdctl, curl) go through untouched.
 */

import type { Socket } from 'node:net';
import { CAN_TELL_OWNERS, describeLink, Link, LinkProxy, ownerOf, type Route } from '../proxy/index.ts';
import { type MemberPlace, peerCalledOf } from './layout.ts';

/** The members' processes by pid, as they are now. */
export type MemberPids = () => ReadonlyMap<number, string>;

export class PeerLinks {
  readonly #pids: MemberPids;
  readonly #links = new Map<string, { readonly from: string; readonly to: string; readonly link: Link }>();
  readonly #proxies = new Map<string, LinkProxy>();

  constructor(pids: MemberPids) {
    this.#pids = pids;
  }

  /** Puts a proxy in front of a member. Rejects if its address is taken. */
  async addMember(place: MemberPlace): Promise<void> {
    if (!CAN_TELL_OWNERS) return;
    const proxy = await LinkProxy.listen({
      listen: peerCalledOf(place),
      target: place.peerListen,
      routeOf: (opened) => this.#routeOf(opened, place.name),
    });
    this.#proxies.set(place.name, proxy);
  }

  async removeMember(name: string): Promise<void> {
    await this.#proxies.get(name)?.close();
    this.#proxies.delete(name);
    for (const [id, { from, to }] of this.#links) if (from === name || to === name) this.#links.delete(id);
  }

  /** The link of one direction. Throws where links cannot be had. */
  between(from: string, to: string): Link {
    if (!CAN_TELL_OWNERS)
      throw new Error('links between members need Linux, whose /proc tells who opened a connection');
    return this.#link(from, to);
  }

  /** Makes every link whole. */
  heal(): void {
    for (const { link } of this.#links.values()) link.heal();
  }

  /** The links that are not whole, in words: 'n1 -> n2: slow', 'n1 <-> n2: cut'. */
  describe(): readonly string[] {
    const whats = new Map([...this.#links].map(([id, { link }]) => [id, describeLink(link.state)]));
    return [...this.#links.values()].flatMap(({ from, to }) => {
      const what = whats.get(`${from} -> ${to}`) ?? '';
      if (what === '') return [];
      if (what !== whats.get(`${to} -> ${from}`)) return [`${from} -> ${to}: ${what}`];
      return from < to ? [`${from} <-> ${to}: ${what}`] : [];
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
    this.#proxies.clear();
  }

  async #routeOf(opened: Socket, to: string): Promise<Route> {
    const pids = this.#pids();
    const owner = await ownerOf(opened, pids.keys());
    const from = owner === undefined ? undefined : pids.get(owner);
    if (from === undefined || from === to) return { forth: new Link(), back: new Link() };
    return { forth: this.#link(from, to), back: this.#link(to, from) };
  }

  #link(from: string, to: string): Link {
    const id = `${from} -> ${to}`;
    const known = this.#links.get(id) ?? { from, to, link: new Link() };
    this.#links.set(id, known);
    return known.link;
  }
}
