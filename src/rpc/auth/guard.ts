/** Puts the rule of GUARD_TABLE before a method. While auth is off this costs a look at one flag. */

import type { AuthStore } from '../../auth/index.ts';
import { present, unreachable } from '../../base/index.ts';
import type { Member } from '../../node/index.ts';
import type { CallContext, DuplexStream, Method } from '../../wire/index.ts';
import type { Callers } from './callers.ts';
import { GUARD_TABLE, type Rule } from './guard-table.ts';
import { HeldStream } from './held-stream.ts';

export function guarded(member: Pick<Member, 'auth'>, callers: Callers, name: string, method: Method): Method {
  const rule = present(GUARD_TABLE.get(name), `the rule for ${name}`);
  if (rule === 'open') return method;
  const check = (call: CallContext): void => checkRule(rule, member.auth, callers, call);
  switch (method.kind) {
    case 'unary': {
      const { handler } = method;
      return {
        kind: 'unary',
        handler(request, call) {
          const identified = callers.identify(call, false);
          if (identified !== undefined) {
            return identified.then(() => {
              check(call);
              return handler(request, call);
            });
          }
          check(call);
          return handler(request, call);
        },
      };
    }
    case 'serverStream': {
      const { handler } = method;
      return {
        kind: 'serverStream',
        async handler(request, stream, call) {
          await callers.identify(call, true);
          check(call);
          await handler(request, stream, call);
        },
      };
    }
    case 'duplex': {
      const { handler } = method;
      return {
        kind: 'duplex',
        handler(stream, call) {
          const identified = callers.identify(call, true);
          if (identified !== undefined) {
            return openLater(identified, new HeldStream(stream), (held) => {
              check(call);
              return handler(held, call);
            });
          }
          check(call);
          return handler(stream, call);
        },
      };
    }
    default:
      return unreachable(method);
  }
}

function checkRule(rule: Rule, auth: AuthStore, callers: Callers, call: CallContext): void {
  if (!auth.enabled) return;
  if (rule === 'user') auth.checkUser(callers.of(call));
  else if (rule === 'admin') auth.checkAdmin(callers.of(call));
}

async function openLater(
  identified: Promise<void>,
  stream: HeldStream,
  open: (stream: DuplexStream) => void | Promise<void>,
): Promise<void> {
  await identified;
  const served = open(stream);
  stream.release();
  await served;
}
