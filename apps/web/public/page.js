import { words } from '/words.js';

/** The page so far: log in, see everything live, start and stop. All text goes in as text, never as HTML. */
const api = '/api/v1';
const main = document.getElementById('main');
const state = { session: null, vms: new Map(), networks: new Map(), hypervisors: new Map(), tasks: new Map(), stream: null, error: null };

let language = localStorage.getItem('language') ?? (navigator.language.startsWith('id') ? 'id' : 'en');
const w = (key) => words[language][key];

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

async function call(method, path, body) {
  const answer = await fetch(api + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(state.session ? { 'X-CSRF-Token': state.session.csrfToken } : {}),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const value = await answer.json();
  if (answer.ok) return value;
  if (answer.status === 401 && state.session) leave();
  throw Object.assign(new Error(value.message), value);
}

function showError(error) {
  state.error = error;
  render();
}

/** A click's work: the button is off meanwhile, and a refusal is shown. */
function action(label, act, verdict = { allowed: true }) {
  const button = element('button', { type: 'button', textContent: label, disabled: !verdict.allowed, title: verdict.reason ?? '' });
  button.addEventListener('click', async () => {
    button.disabled = true;
    state.error = null;
    await act().catch(showError);
  });
  return button;
}

function table(headings, rows, empty) {
  if (rows.length === 0) return element('p', { className: 'empty', textContent: empty });
  const head = element('tr', {}, ...headings.map((text) => element('th', { scope: 'col', textContent: text })));
  const body = rows.map((cells) => element('tr', {}, ...cells.map((cell) => element('td', {}, cell))));
  return element('div', { className: 'scroll' }, element('table', {}, element('thead', {}, head), element('tbody', {}, ...body)));
}

function vmRow(vm) {
  const order = (verb) => () => call('POST', `/vms/${vm.vmid}/${verb}`, verb === 'shutdown' ? {} : undefined);
  const stop = () => (confirm(w('confirmStop') + vm.name) ? order('stop')() : Promise.resolve(render()));
  const described = element('span', { className: `state ${vm.state}`, textContent: vm.state, title: vm.stateReason ?? '' });
  const reason = vm.stateReason && vm.state !== 'running' ? element('small', { textContent: ` ${vm.stateReason}` }) : null;
  return [
    String(vm.vmid),
    vm.name,
    element('span', { textContent: vm.hypervisor + (vm.execution ? ` (${vm.execution.mode})` : ''), title: vm.execution?.reason ?? '' }),
    element('span', {}, described, ...(reason ? [reason] : [])),
    String(vm.cores),
    `${vm.memoryMiB} MiB`,
    vm.addresses.join(', ') || '–',
    element(
      'span',
      {},
      action(w('start'), order('start'), vm.actions.start),
      action(w('shutdown'), order('shutdown'), vm.actions.shutdown),
      action(w('stop'), stop, vm.actions.stop),
    ),
  ];
}

function inventory() {
  const sorted = (map, key) => [...map.values()].sort((a, b) => (a[key] < b[key] ? -1 : 1));
  const hypervisorRow = (one) => [
    one.id,
    one.version ?? '–',
    one.usable ? w('usable') : w('unusable'),
    [one.execution?.mode, one.execution?.reason, ...one.reasons, one.remedy].filter(Boolean).join(' · '),
  ];
  const networkRow = (one) => [one.name, one.cidr, one.bridge, one.state, one.addresses.map((lease) => lease.address).join(', ') || '–'];
  const tasks = sorted(state.tasks, 'id').reverse().slice(0, 12);
  const taskRow = (task) => [
    task.title,
    element('span', {
      className: `state ${task.state}`,
      textContent: task.state === 'running' ? `${Math.round(task.progress * 100)} %` : task.state,
    }),
    task.error ? `${task.error.message} ${task.error.hint}` : '',
    task.user,
  ];
  return [
    element('h2', { textContent: w('vms') }),
    table(
      ['VMID', w('name'), w('hypervisor'), w('state'), w('cores'), w('memory'), w('addresses'), w('actions')],
      sorted(state.vms, 'vmid').map(vmRow),
      w('noVms'),
    ),
    element('h2', { textContent: w('hypervisors') }),
    table([w('name'), w('version'), w('state'), w('why')], sorted(state.hypervisors, 'id').map(hypervisorRow), ''),
    element('h2', { textContent: w('networks') }),
    table([w('name'), 'CIDR', 'Bridge', w('state'), w('addresses')], sorted(state.networks, 'name').map(networkRow), w('noNetworks')),
    element('h2', { textContent: w('tasks') }),
    table([w('task'), w('state'), '', w('by')], tasks.map(taskRow), w('noTasks')),
  ];
}

function loginForm() {
  const user = element('input', { name: 'user', autocomplete: 'username', required: true, value: 'admin' });
  const password = element('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const form = element(
    'form',
    {},
    element('label', {}, w('user'), user),
    element('label', {}, w('password'), password),
    element('button', { textContent: w('login') }),
    element('p', { textContent: w('loginHelp') }),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    state.error = null;
    try {
      await enter(await call('POST', '/session', { user: user.value, password: password.value }));
    } catch (error) {
      showError(error);
    }
  });
  return [form];
}

function render() {
  document.documentElement.lang = language;
  document.getElementById('language').textContent = w('language');
  const logout = document.getElementById('logout');
  logout.hidden = state.session === null;
  logout.textContent = w('logout');
  const error =
    state.error && element('p', { className: 'error', role: 'alert', textContent: `${state.error.message} ${state.error.hint ?? ''}` });
  main.replaceChildren(...(error ? [error] : []), ...(state.session ? inventory() : loginForm()));
}

async function readAll() {
  const [vms, networks, hypervisors, tasks] = await Promise.all(
    ['/vms', '/networks', '/nodes/local/hypervisors', '/tasks?limit=50'].map((path) => call('GET', path)),
  );
  state.vms = new Map(vms.map((vm) => [vm.vmid, vm]));
  state.networks = new Map(networks.map((network) => [network.name, network]));
  state.hypervisors = new Map(hypervisors.map((one) => [one.id, one]));
  state.tasks = new Map(tasks.map((task) => [task.id, task]));
  render();
}

/** What each kind of event does to what is shown. */
const changes = {
  'vm': ({ vm }) => state.vms.set(vm.vmid, vm),
  'vm-removed': ({ vmid }) => state.vms.delete(vmid),
  'network': ({ network }) => state.networks.set(network.name, network),
  'network-removed': ({ name }) => state.networks.delete(name),
  'hypervisor': ({ hypervisor }) => state.hypervisors.set(hypervisor.id, hypervisor),
  'task': ({ task }) => state.tasks.set(task.id, task),
};

function listen() {
  const live = document.getElementById('live');
  const stream = new EventSource(`${api}/events`);
  state.stream = stream;
  stream.addEventListener('open', () => {
    live.textContent = w('live');
    // What happened before the stream was open is in the lists.
    readAll().catch(showError);
  });
  stream.addEventListener('error', () => {
    live.textContent = w('reconnecting');
    // The browser gives up by itself only when it is refused: then the session has ended.
    if (stream.readyState === EventSource.CLOSED) call('GET', '/session').catch(showError);
  });
  stream.addEventListener('message', (message) => {
    const event = JSON.parse(message.data);
    if (event.type === 'resync') {
      readAll().catch(showError);
      return;
    }
    changes[event.type]?.(event);
    render();
  });
}

async function enter(session) {
  state.session = session;
  document.getElementById('where').textContent = `${location.host} · ${session.user}`;
  await readAll();
  listen();
}

function leave() {
  state.stream?.close();
  state.session = null;
  document.getElementById('live').textContent = '';
  document.getElementById('where').textContent = '';
  render();
}

document.getElementById('language').addEventListener('click', () => {
  language = language === 'en' ? 'id' : 'en';
  localStorage.setItem('language', language);
  render();
});
document.getElementById('logout').addEventListener('click', () => call('DELETE', '/session').then(leave, showError));

await call('GET', '/session').then(enter, render);
