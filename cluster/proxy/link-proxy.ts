/**
 * A TCP proxy in front of one member's peer port. Each connection it takes is put on the two links between the member that
 * opened it and the member behind; who opened it, `routeOf` finds out.
 *
 *     n1 ---> [ proxy of n2 ] ---> n2        bytes to n2 obey the link n1 -> n2, answers the link n2 -> n1
 *
 * While either link is cut a new connection is taken (the kernel does that) and left alone: its opener waits, as for a SYN
 * that got lost, and nothing reaches the member behind.
 */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Link, LinkListener } from './link.ts';
import { Pipe } from './pipe.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The two directions between the one who opened a connection and the one behind the proxy. */
export interface Route {
  readonly forth: Link;
  readonly back: Link;
}

export interface LinkProxyOptions {
  readonly listen: Address;
  readonly target: Address;
  /** Must not reject. */
  readonly routeOf: (opened: Socket) => Promise<Route>;
}

/** Beyond this many a new connection is refused: a long cut collects those that their openers have given up. */
const CONNECTIONS_MAX = 1000;

export class LinkProxy {
  readonly #target: Address;
  readonly #routeOf: (opened: Socket) => Promise<Route>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: LinkProxyOptions) {
    this.#target = options.target;
    this.#routeOf = options.routeOf;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (opened) => {
      this.#keep(opened);
      void this.#join(opened);
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Rejects if the address is taken. */
  static async listen(options: LinkProxyOptions): Promise<LinkProxy> {
    const proxy = new LinkProxy(options);
    proxy.#server.listen(options.listen.port, options.listen.host);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Ends all connections. Resolves when the address is free. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #join(opened: Socket): Promise<void> {
    const route = await this.#routeOf(opened);
    await passable(route, opened);
    if (opened.destroyed) return;
    const behind = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#keep(behind);
    // What comes before the connection stands waits in it; if it never does, the pipe back tells the opener.
    route.forth.listen(new Pipe(opened, behind, route.forth));
    route.back.listen(new Pipe(behind, opened, route.back));
    opened.resume();
  }

  /** Sockets that die are no error of ours: the pipe tells the other side. */
  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

/** Resolves when neither link is cut, or the connection is gone. */
function passable(route: Route, opened: Socket): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!opened.destroyed && (route.forth.state.cut || route.back.state.cut)) return;
      route.forth.unlisten(listener);
      route.back.unlisten(listener);
      opened.off('close', look);
      resolve();
    };
    const listener: LinkListener = {
      changed: look,
      reset: () => opened.resetAndDestroy(),
    };
    route.forth.listen(listener);
    route.back.listen(listener);
    opened.on('close', look);
    look();
  });
}
