/**
 * What it costs a put to be secret, and to be somebody's: the same puts in plain text, over TLS, and in plain text by a user who may put to
 * this key and no other, with a simple token. Three runs on one server, which has a port for each kind of text. Each begins with a
 * hundred connections: the handshakes of these are within the processor time of TLS.
 */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { PUT_KEY, type PutsMade, type PutTarget, runPuts } from './put-run.ts';
import { call, PUT_PATH } from './raw-call.ts';
import { less, type Measured, more } from './sample.ts';
import type { Stage, Work } from './work.ts';

const SECONDS = 3;
const CLIENTS = { connections: 100, inFlightPerConnection: 10, isTimed: false };
const AUTH = '/etcdserverpb.Auth/';
const USER = { name: 'bench', password: 'of the bench' };
/** authpb.Permission.Type */
const READWRITE = 2;

export const secure: Work = {
  name: 'secure',
  run(stage) {
    return stage.withTlsServer(async (server, tlsPort) => {
      const { port } = server;
      const plain = await run(stage, 'in plain text', { port, server });
      const tls = await run(stage, 'over TLS', { port, server, door: { port: tlsPort, isTls: true } });
      const token = await enableAuth(port);
      const user = await run(stage, 'by a user', { port, server, door: { port, token } });
      return [...rows('in plain text', plain), ...rows('over TLS', tls, plain), ...rows('by a user', user, plain)];
    });
  },
};

function run(stage: Stage, name: string, target: PutTarget): Promise<PutsMade> {
  return runPuts(stage, target, { ...CLIENTS, name: `puts ${name}` }, SECONDS);
}

function rows(name: string, made: PutsMade, plain?: PutsMade): Measured[] {
  const what = `puts ${name}, 100 connections x 10 in flight`;
  return [
    more(what, '1/s', made.perSecond),
    less(`${what}, server's processor time for each`, 'us', made.usPerPut),
    ...(plain === undefined
      ? []
      : [less(`${what}, that processor time over plain text's`, 'times', made.usPerPut / plain.usPerPut)]),
  ];
}

/** From now on only users may do anything. Gives the token of one who may put to the key. */
async function enableAuth(port: number): Promise<string> {
  const { AuthUserAddRequest, AuthRoleAddRequest, AuthRoleGrantPermissionRequest } = etcdserverpb;
  const { AuthUserGrantRoleRequest, AuthEnableRequest, AuthenticateRequest, AuthenticateResponse } = etcdserverpb;
  const ask = (method: string, request: Uint8Array): Promise<Buffer> => call(port, `${AUTH}${method}`, request);
  for (const user of [{ name: 'root', password: 'of root' }, USER]) {
    await ask('UserAdd', AuthUserAddRequest.encode(user).finish());
    await ask('RoleAdd', AuthRoleAddRequest.encode({ name: user.name }).finish());
    await ask('UserGrantRole', AuthUserGrantRoleRequest.encode({ user: user.name, role: user.name }).finish());
  }
  const perm = { permType: READWRITE, key: Buffer.from(PUT_KEY) };
  await ask('RoleGrantPermission', AuthRoleGrantPermissionRequest.encode({ name: USER.name, perm }).finish());
  await ask('AuthEnable', AuthEnableRequest.encode({}).finish());
  const { token } = AuthenticateResponse.decode(await ask('Authenticate', AuthenticateRequest.encode(USER).finish()));
  await refused(port, PUT_KEY);
  await refused(port, 'another', token);
  return token;
}

/** Else it would be nothing to measure. */
async function refused(port: number, key: string, token?: string): Promise<void> {
  const put = etcdserverpb.PutRequest.encode({ key: Buffer.from(key), value: Buffer.from('v') }).finish();
  const wasMade = await call(port, PUT_PATH, put, token).then(
    () => true,
    () => false,
  );
  if (wasMade) throw new Error(`who may not put to ${key} could`);
}
