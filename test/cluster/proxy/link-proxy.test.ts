import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { describeLink, Link, LinkProxy } from '../../../cluster/proxy/index.ts';

interface Line {
  readonly forth: Link;
  readonly back: Link;
  readonly client: Socket;
  /** The other end of the client's connection, when the proxy has made it. */
  readonly server: Promise<Socket>;
  readonly proxy: LinkProxy;
  readonly dial: () => Socket;
}

async function listening(onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onConnection).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** A client, a proxy and a server that only accepts. */
async function line(port: number, set: (forth: Link, back: Link) => void = () => {}): Promise<Line> {
  const waiting: ((socket: Socket) => void)[] = [];
  const server = new Promise<Socket>((resolve) => waiting.push(resolve));
  const target = await listening((socket) => {
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    waiting.shift()?.(socket);
  });
  const forth = new Link();
  const back = new Link();
  set(forth, back);
  const proxy = await LinkProxy.listen({
    listen: { host: '127.0.0.1', port },
    target: { host: '127.0.0.1', port: portOf(target) },
    routeOf: () => Promise.resolve({ forth, back }),
  });
  onTestFinished(() => proxy.close());
  const dial = (): Socket => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  return { forth, back, client: dial(), server, proxy, dial };
}

/** Reads until so many bytes are there. */
function read(socket: Socket, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      got = Buffer.concat([got, chunk]);
      if (got.length < bytes) return;
      socket.off('data', take);
      resolve(got);
    };
    socket.on('data', take);
    socket.on('close', () => reject(new Error(`closed after ${got.length} of ${bytes} bytes`)));
    socket.resume();
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.on('close', () => resolve()));
}

/** A turn of the loop in which the sockets of this process have been asked. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('bytes pass both ways, and each end reaches the other side', async () => {
  const { client, server } = await line(25000);
  client.end('question');
  const behind = await server;
  expect((await read(behind, 8)).toString()).toBe('question');
  await once(behind, 'end');
  behind.end('answer');
  const ends = closed(client);
  expect((await read(client, 6)).toString()).toBe('answer');
  await once(client, 'end');
  await ends;
  expect(client.errored).toBeNull();
});

test('more bytes than the queue holds arrive whole, in order', async () => {
  const { client, server } = await line(25001);
  const bytes = Buffer.alloc(3_000_000, Buffer.from('0123456789abcdefg'));
  client.write(bytes);
  expect((await read(await server, bytes.length)).equals(bytes)).toBe(true);
});

test('an orderly end is one also for whoever reads late', async () => {
  const { client, server } = await line(25008);
  client.pause();
  client.end();
  const behind = await server;
  behind.resume();
  const bytes = Buffer.alloc(4_000_000, 'late');
  behind.end(bytes);
  await turns(20);
  const ends = closed(client);
  expect((await read(client, bytes.length)).equals(bytes)).toBe(true);
  await ends;
  expect(client.errored).toBeNull();
});

test('a link that is cut holds the bytes of its direction, and gives them when it is healed', async () => {
  const { client, server, forth } = await line(25002);
  const behind = await server;
  forth.set({ cut: true });
  let arrived = 0;
  behind.on('data', (chunk: Buffer) => {
    arrived += chunk.length;
  });
  client.write('held');
  // What goes the other way passes, and has passed after the bytes that are held had every chance to.
  behind.write('free');
  expect((await read(client, 4)).toString()).toBe('free');
  await turns(20);
  expect(arrived).toBe(0);
  const got = read(behind, 4);
  forth.heal();
  expect((await got).toString()).toBe('held');
});

test('a cut link keeps the end of a connection to itself', async () => {
  const { client, server, forth } = await line(25003);
  const behind = await server;
  behind.resume();
  forth.set({ cut: true });
  let gone = false;
  behind.on('close', () => {
    gone = true;
  });
  client.resetAndDestroy();
  await turns(20);
  expect(gone).toBe(false);
  forth.heal();
  await closed(behind);
});

test('nothing reaches the member behind over a new connection while either direction is cut', async () => {
  let reached = false;
  const { client, server, back } = await line(25004, (_forth, cutBack) => cutBack.set({ cut: true }));
  const told = server.then((socket) => {
    reached = true;
    return socket;
  });
  await once(client, 'connect');
  client.write('hello');
  await turns(20);
  expect(reached).toBe(false);
  back.heal();
  expect((await read(await told, 5)).toString()).toBe('hello');
});

test('a delayed link gives bytes no sooner than that', async () => {
  const { client, server, forth } = await line(25005);
  const behind = await server;
  forth.set({ delayMs: 120 });
  const sentAt = performance.now();
  client.write('late');
  await read(behind, 4);
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(119);
});

test('a slow link gives no more bytes than it may', async () => {
  const { client, server, forth } = await line(25006);
  const behind = await server;
  forth.set({ bytesPerSecond: 100_000 });
  const sentAt = performance.now();
  client.write(Buffer.alloc(30_000));
  await read(behind, 30_000);
  // Each portion but the last is waited for.
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(240);
});

test('a reset ends the connections of the link, and new ones are made', async () => {
  const { client, server, forth, dial } = await line(25007);
  const behind = await server;
  behind.resume();
  client.resume();
  const both = [closed(client), closed(behind)];
  forth.reset();
  await Promise.all(both);
  const again = dial();
  await once(again, 'connect');
});

test('a member that is not there is felt as one', async () => {
  const { client } = await unreachable(25010);
  client.resume();
  await closed(client);
});

async function unreachable(port: number): Promise<{ client: Socket }> {
  const gone = await listening(() => {});
  const target = { host: '127.0.0.1', port: portOf(gone) };
  gone.close();
  await once(gone, 'close');
  const route = { forth: new Link(), back: new Link() };
  const proxy = await LinkProxy.listen({
    listen: { host: '127.0.0.1', port },
    target,
    routeOf: () => Promise.resolve(route),
  });
  onTestFinished(() => proxy.close());
  const client = connect(port, '127.0.0.1');
  client.on('error', () => {});
  return { client };
}

test('an address that is taken is an error', async () => {
  const { proxy } = await line(25009);
  expect(proxy.connections).toBeGreaterThanOrEqual(0);
  const route = { forth: new Link(), back: new Link() };
  const address = { host: '127.0.0.1', port: 25009 };
  const second = LinkProxy.listen({ listen: address, target: address, routeOf: () => Promise.resolve(route) });
  await expect(second).rejects.toThrow('EADDRINUSE');
});

test('a link in words', () => {
  const link = new Link();
  expect(describeLink(link.state)).toBe('');
  link.set({ delayMs: 100, bytesPerSecond: 50_000 });
  expect(describeLink(link.state)).toBe('100 ms late, 50 KB/s');
  link.set({ cut: true });
  expect(describeLink(link.state)).toBe('cut');
});
