import { logInToRfb } from '@nakhoda/host';
import { type ConsoleKind, NakhodaError } from '@nakhoda/schema';

import { bridgeSerial } from '../console/bridge-serial.ts';
import { bridgeVnc } from '../console/bridge-vnc.ts';
import type { ConsoleTickets } from '../console/console-tickets.ts';
import { createSeats } from '../console/seats.ts';
import { watchViewer } from '../console/watch-viewer.ts';
import { apiPrefix } from '../http/api-prefix.ts';
import type { HandlerRequest, Handlers } from '../http/handlers.ts';
import { requireState } from '../sagas/vm-steps.ts';
import type { Services } from '../services/context.ts';
import { quietContext } from '../services/hypervisors.ts';
import type { VmRecord } from '../services/vm-record.ts';

/** Milliseconds that a console may take to open, whatever hangs. VirtualBox's takes six calls of VBoxManage. */
const openTimeoutMs = 30_000;
/** Milliseconds that the VNC server of a hypervisor may take for its handshake. */
const handshakeTimeoutMs = 5000;

type ConsoleHandlers = Pick<Handlers, 'vm.console-ticket' | 'vm.console' | 'vm.vnc' | 'vm.screenshot' | 'vm.keys' | 'vm.type'>;

/** Serial port, screen and keyboard of VMs. */
export function vmConsoleHandlers(
  services: Services,
  tickets: ConsoleTickets,
  limits: { openTimeoutMs: number } = { openTimeoutMs },
): ConsoleHandlers {
  const { inventory, hypervisors, log } = services;
  const seats = createSeats();

  const find = (reference: string): VmRecord => {
    const record = inventory.resolve(reference);
    requireState(services, record, 'console');
    return record;
  };
  /** A facet of the VM's driver. @throws NakhodaError `vm.unsupported` with the reason why it is not there */
  const need = <F extends 'serial' | 'vnc' | 'screen' | 'keyboard'>({ spec }: VmRecord, facet: F) => {
    const driver = hypervisors.driver(spec.hypervisor);
    const found = driver[facet];
    if (found !== undefined) return found;
    const { display } = driver.capabilities();
    const verdict = { serial: undefined, vnc: display.vnc, screen: display.screenshot, keyboard: display.keyboard }[facet];
    throw new NakhodaError('vm.unsupported', {
      message: `${spec.hypervisor} offers no ${words[facet]} on this host. ${verdict?.reason ?? ''}`.trim(),
      hint: `Use what works: \`nakhoda console ${spec.name}\` or \`nakhoda vm screenshot ${spec.name}\`.`,
    });
  };
  /** Takes the viewer's seat, opens what it looks at, and gives all back when it leaves. */
  const sit = async <T>(
    kind: ConsoleKind,
    record: VmRecord,
    request: HandlerRequest<'vm.vnc'> | HandlerRequest<'vm.console'>,
    open: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const { name, vmid } = record.spec;
    request.signal.throwIfAborted();
    const leave = seats.take(`${kind} ${vmid}`);
    // The signal comes at the end of every connection, also of one that leaves before its upgrade.
    request.signal.addEventListener('abort', leave, { once: true });
    // A caller who leaves before the upgrade is not noticed while this waits: nothing reads from the connection yet.
    const late = AbortSignal.timeout(limits.openTimeoutMs);
    try {
      const opened = await open(AbortSignal.any([request.signal, late]));
      request.signal.throwIfAborted();
      log(`${kind} console of ${name} (${vmid}) opened by ${request.principal?.user ?? 'nobody'} from ${request.address}`);
      return opened;
    } catch (error) {
      leave();
      if (!late.aborted || error instanceof NakhodaError) throw error;
      throw new NakhodaError('hypervisor.timeout', {
        message: `${record.spec.hypervisor} did not open the ${words[kind]} of ${name} within ${limits.openTimeoutMs / 1000} s.`,
        hint: 'Try again; if it happens again, look at the state of the VM.',
        cause: error,
      });
    }
  };

  return {
    'vm.console-ticket': async ({ params, body, principal }) => {
      const record = find(params.vm);
      need(record, body.kind);
      const { vmid } = record.spec;
      if (principal === null) throw new TypeError('a ticket is for somebody who has logged in');
      const { ticket, expiresAt } = tickets.issue({ kind: body.kind, vmid, principal });
      const path = { vnc: 'vnc', serial: 'console' }[body.kind];
      return { ticket, kind: body.kind, expiresAt, websocket: `${apiPrefix}/vms/${vmid}/${path}?ticket=${ticket}` };
    },

    'vm.console': async (request) => {
      const record = find(request.params.vm);
      const serial = need(record, 'serial');
      const { session, backlog } = await sit('serial', record, request, (signal) =>
        serial.open(quietContext(log, signal), { vmid: record.spec.vmid }),
      );
      // The caller may leave before the upgrade, which then never comes.
      request.signal.addEventListener('abort', () => session.close(), { once: true });
      return (socket) => {
        watchViewer(socket);
        bridgeSerial(socket, session, backlog, `${record.spec.name} has stopped`);
      };
    },

    'vm.vnc': async (request) => {
      const record = find(request.params.vm);
      const vnc = need(record, 'vnc');
      // Before the upgrade: whatever hop is broken, the caller gets a status and an error.
      const { stream } = await sit('vnc', record, request, async (signal) => {
        const connection = await vnc.open(quietContext(log, signal), { vmid: record.spec.vmid });
        await logInToRfb(connection.stream, { ...connection, timeoutMs: handshakeTimeoutMs, signal });
        return connection;
      });
      stream.on('error', () => undefined);
      request.signal.addEventListener('abort', () => stream.destroy(), { once: true });
      return (socket) => {
        watchViewer(socket);
        return bridgeVnc(socket, stream, `the screen of ${record.spec.name} has gone`);
      };
    },

    'vm.screenshot': async ({ params, signal }) => {
      const record = find(params.vm);
      return need(record, 'screen').screenshot(quietContext(log, signal), { vmid: record.spec.vmid });
    },

    'vm.keys': async ({ params, body, signal }) => {
      const record = find(params.vm);
      await need(record, 'keyboard').sendKeys(quietContext(log, signal), { vmid: record.spec.vmid, keys: body.keys });
      return { pressed: body.keys.length };
    },

    'vm.type': async ({ params, body, signal }) => {
      const record = find(params.vm);
      const text = body.enter === true ? `${body.text}\n` : body.text;
      await need(record, 'keyboard').typeText(quietContext(log, signal), { vmid: record.spec.vmid, text });
      return { pressed: text.length };
    },
  };
}

const words = { serial: 'serial console', vnc: 'view of the screen', screen: 'screenshots', keyboard: 'keyboard' } as const;
