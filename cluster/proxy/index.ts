/** TCP links between members that can be cut, delayed, slowed and reset. */

export { describeLink, HEALTHY, Link, type LinkState } from './link.ts';
export { type Address, LinkProxy, type LinkProxyOptions, type Route } from './link-proxy.ts';
export { CAN_TELL_OWNERS, ownerOf } from './socket-owner.ts';
