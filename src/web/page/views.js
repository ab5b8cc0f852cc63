// The views. Each has `panel`, and `show` for when it comes to the front.
const failed = (error) => say(`${error.message}${error.hint ? ` (${error.hint})` : ''}`);
const doing = (promise, done) => promise.then((value) => { if (done) say(done); return value; }).catch(failed);

const details = (row) => openDialog(`${row.method ?? ''} ${row.host ?? ''}${row.path ?? ''}`,
  facts([
    ['what happened', row.event], ['status', row.status], ['time', row.time], ['run', row.run], ['program', row.program],
    ['connection', row.connection], ['milliseconds', row.milliseconds], ['bytes', row.bytes], ['refs', row.refs?.join(' ')],
    ['taken off', row.stripped?.join(', ')], ['put on', row.put_on],
    ['rule', row.rule], ['why', row.reason], ['secrets replaced', row.scrubbed], ['way', row.way],
  ]),
  el('div', { class: 'row-of-buttons' },
    ...exceptions(row),
    button('Close', closeDialog)));

// What a guard rule has denied can be lifted: in a run that is alive for the next such request or for the run, and for later runs in the file.
const exceptions = (row) => {
  if (row.event !== 'denied' || !row.rule || row.rule.startsWith('policy') || readOnly) return [];
  const lift = (how, words) => doing(askRun(row.run, { do: 'lift', how, rule: row.rule, connection: row.connection, method: row.method, path: row.path }), words).then(closeDialog);
  const isAlive = runs.has(row.run) && !runs.get(row.run).ended;
  return [
    isAlive && button('Once', () => lift('once', 'The next such request of this run goes.')),
    isAlive && button('This run', () => lift('run', `${row.rule} is lifted for this run.`)),
    button('Always…', () => exception(row), 'main'),
  ];
};

// The lines that a change takes away and adds: what both have at both ends is the same.
const difference = (before, after) => {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const line = (kind, mark, text) => el('span', { class: kind }, `${mark} ${text}`);
  return el('pre', { tabindex: '0', 'aria-label': 'The change of the file' },
    ...a.slice(Math.max(0, start - 2), start).map((text) => line('same', ' ', text)),
    ...a.slice(start, a.length - end).map((text) => line('cut', '-', text)),
    ...b.slice(start, b.length - end).map((text) => line('add', '+', text)),
    ...a.slice(a.length - end, a.length - end + 2).map((text) => line('same', ' ', text)));
};

const exception = async (row) => {
  try {
    const preview = await ask('preview_allow', { rule: row.rule });
    openDialog(`Lift ${preview.rule}`,
      el('p', {}, 'From the next run on, requests like this one are let through:'),
      el('ul', {}, ...preview.denies.map((one) => el('li', { class: 'mono' }, one))),
      el('p', { class: 'mono' }, preview.path), difference(preview.before, preview.after),
      el('div', { class: 'row-of-buttons' },
        button('Write it', () => doing(ask('allow', { rule: preview.rule, before: preview.before }), `${preview.rule} is lifted from the next run on.`).then(closeDialog), 'main'),
        button('Leave it', closeDialog)));
  } catch (error) { failed(error); }
};

const makeLive = (name, of, hint) => {
  const filter = el('input', { type: 'search', placeholder: 'host, path, connection, status…' });
  const which = el('select', {});
  const hold = button('Pause', () => { paused = !paused; hold.textContent = paused ? 'Go on' : 'Pause'; hold.setAttribute('aria-pressed', paused); dirty = true; });
  hold.setAttribute('aria-pressed', 'false');
  const list = new List(name, details);
  list.hint.textContent = hint;
  const sparks = [[spark('requests', 'a second'), (slot) => slot.count], [spark('errors', 'a second'), (slot) => slot.errors], [spark('p99', 'ms'), p99]];
  const cards = el('div', { class: 'runs' });
  let dirty = true; let last = 0; let names = '';
  const draw = (now) => {
    requestAnimationFrame(draw);
    if (!panel.isConnected || panel.hidden || document.hidden || paused || !dirty || now - last < 100) return;
    last = now; dirty = false;
    const words = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (let at = rows.length - 1; at >= 0; at -= 1) {
      const row = rows[at];
      if (of(row) && (!which.value || row.run === which.value) && words.every((word) => row.text.includes(word))) found.push(row);
    }
    list.set(found);
    const now2 = [...runs.keys()].join(' ');
    if (now2 !== names) {
      names = now2;
      const chosen = which.value;
      fill(which, el('option', { value: '' }, 'all runs'), ...[...runs.values()].map((run) => el('option', { value: run.run }, `${program(run)} ${run.run.slice(0, 6)}`)));
      which.value = runs.has(chosen) ? chosen : '';
    }
  };
  const drawRuns = () => fill(cards, ...[...runs.values()].map((run) => el('div', { class: 'card' },
    el('h2', { class: 'mono' }, (run.command ?? ['(a session)']).join(' ')),
    el('div', { class: 'soft' }, `${run.run.slice(0, 6)} · process ${run.pid} · since ${clock(run.since)} · ${run.directory ?? ''}`),
    el('div', {}, `${run.injected ?? 0} with a credential, ${run.denied ?? 0} denied, ${run.failed ?? 0} failed`),
    !readOnly && el('div', { class: 'row-of-buttons' }, button('Stop', () => confirmed(`Stop ${program(run)}?`, 'Its command is asked to end, and killed after ten seconds.', 'Stop it',
      () => doing(askRun(run.run, { do: 'stop', grace_ms: 10000 }), 'It was asked to end.')), 'bad', `Stop the run ${run.run.slice(0, 6)}`)))));
  const panel = el('div', {},
    of === everything && el('div', { class: 'sparks' }, ...sparks.map(([one]) => one.box)),
    el('div', { class: 'bar' }, field('Filter', filter, 'wide'), field('Run', which), hold),
    list.box, of === everything && el('h2', { class: 'soft' }, 'Runs'), of === everything && cards);
  filter.addEventListener('input', () => { dirty = true; });
  which.addEventListener('change', () => { dirty = true; });
  listeners.add((what) => { if (what) dirty = true; if (what === 'runs' && of === everything) drawRuns(); });
  requestAnimationFrame(draw);
  if (of === everything) setInterval(() => { if (!panel.hidden && !document.hidden && !paused) { sparks.forEach(([one, value]) => one.draw(lastMinute(value))); drawCounts(); } }, 1000);
  const drawCounts = () => [...runs.values()].forEach((run, at) => { const line = cards.children[at]?.children[2]; if (line) line.textContent = `${run.injected ?? 0} with a credential, ${run.denied ?? 0} denied, ${run.failed ?? 0} failed`; });
  return { panel, show: () => { dirty = true; drawRuns(); list.draw(); } };
};
const everything = () => true;

const confirmed = (title, words, yes, act) => openDialog(title, el('p', {}, words),
  el('div', { class: 'row-of-buttons' }, button(yes, () => { closeDialog(); act(); }, 'main'), button('Leave it', closeDialog)));

// Logging in opens the provider's page, or authsome's own form, in another tab.
const login = async (provider, connection, isAgain, base) => {
  const tab = window.open('about:blank', '_blank');
  try {
    const begun = await ask('login', { provider, connection, force: isAgain, base_url: base || undefined });
    if (begun.open && tab) { tab.opener = null; tab.location = begun.open; } else if (tab) tab.close();
    openDialog(`Connecting ${provider}`,
      el('p', {}, begun.open ? 'Go on in the tab that has opened. This closes by itself when it is done.' : 'Connected.'),
      begun.open && el('p', {}, el('a', { href: begun.open, target: '_blank', rel: 'noopener noreferrer' }, 'Open that page again')),
      el('div', { class: 'row-of-buttons' }, button('Cancel the login', () => { doing(ask('cancel_login')); closeDialog(); }), button('Close', closeDialog)));
    if (!begun.open) { closeDialog(); say('Connected.'); }
  } catch (error) { if (tab) tab.close(); failed(error); }
};

const makeConnections = () => {
  const cards = el('div', { class: 'cards' });
  const panel = el('div', {}, cards);
  let known = [];
  const usedBy = (name) => [...runs.values()].filter((run) => (run.connections ?? []).includes(name)).map((run) => program(run) || run.run.slice(0, 6));
  const tick = () => cards.querySelectorAll('[data-until]').forEach((one) => { one.textContent = left(one.dataset.until); });
  setInterval(() => { if (!panel.hidden) tick(); }, 1000);
  const draw = () => fill(cards, ...(known.length ? known.map((one) => {
    const name = `${one.provider}/${one.connection}`;
    const who = one.account?.label ?? one.account?.id;
    const target = { provider: one.provider, connection: one.connection };
    const can = (text, act, kind) => button(text, act, kind, `${text} ${name}`);
    const uses = usedBy(name);
    return el('div', { class: `card ${one.status === 'needs_login' ? 'urgent' : ''}`, 'data-connection': name },
      el('h2', {}, name, one.is_default ? el('span', { class: 'soft' }, ' · default') : null),
      facts([
        ['state', el('span', { class: one.status === 'connected' ? 'good' : one.status === 'expired' ? '' : 'bad' }, one.status === 'needs_login' ? 'needs a new login' : one.status)],
        ['account', who], ['at', one.base_url], ['token', one.expires_at && el('span', { 'data-until': one.expires_at }, left(one.expires_at))],
        ['scopes', one.scopes?.join(' ')], ['used by', uses.join(', ') || 'no run that is alive'], ['error', one.error],
      ]),
      !readOnly && el('div', { class: 'row-of-buttons' },
        can('Log in again', () => login(one.provider, one.connection, true)),
        one.refresh_token && can('Renew', () => doing(ask('renew', target), `${name} was renewed.`).then(load)),
        !one.is_default && can('Make default', () => doing(ask('set_default', target), `${name} is the default.`).then(load)),
        can('Log out', () => confirmed(`Log out ${name}?`, 'It is forgotten on this machine. The grant stays valid at the provider.', 'Log out', () => doing(ask('logout', target), `${name} is forgotten here.`).then(load))),
        can('Revoke', () => confirmed(`Revoke ${name}?`, 'Its grant ends at the provider, on every machine.', 'Revoke', () => doing(ask('revoke', target), `${name} is revoked.`).then(load)), 'bad')));
  }) : [el('p', { class: 'empty' }, 'Nothing is connected yet. See Providers.')]));
  const load = async () => {
    try { const found = await ask('connections'); known = found.connections; draw(); } catch (error) { fill(cards, el('p', { class: 'card bad' }, `${error.message} ${error.hint ?? ''}`)); }
  };
  listeners.add((what) => {
    if (what === 'runs' && !panel.hidden) draw();
    const name = what?.event ?? what;
    if (['joined', 'refresh', 'refresh_failed', 'needs_login', 'login', 'logout', 'revoke', 'login_done', 'connections'].includes(name) && !panel.hidden) load();
    if (name === 'login_done') { if (byId('dialog').open) closeDialog(); say(what.error ? `${what.message} ${what.hint ?? ''}` : `${what.connection} is connected.`); }
  });
  return { panel, show: load };
};

const makeHistory = () => {
  const day = el('input', { type: 'date' });
  const run = el('input', { type: 'text', placeholder: 'the beginning of its ID', spellcheck: 'false' });
  const host = el('input', { type: 'text', placeholder: 'gitlab.com', spellcheck: 'false' });
  const list = new List('What the log has', details);
  const told = el('p', { class: 'soft', role: 'status' });
  const search = async (event) => {
    event?.preventDefault();
    try {
      const found = await ask('log', { day: day.value, run: run.value, host: host.value });
      list.set(found.events.reverse());
      list.box.scrollTop = 0;
      told.textContent = found.more ? `The newest ${found.events.length} are shown.` : `${found.events.length} found.`;
    } catch (error) { failed(error); }
  };
  list.hint.textContent = 'Nothing is found.';
  const panel = el('div', {}, el('form', { class: 'bar', onsubmit: search }, field('Day', day), field('Run', run, 'wide'), field('Host', host, 'wide'), el('button', { class: 'main' }, 'Search')), told, list.box);
  return { panel, show: search };
};

const makeProviders = () => {
  const filter = el('input', { type: 'search', placeholder: 'name' });
  const base = el('input', { type: 'text', placeholder: 'gitlab.acme.com', spellcheck: 'false' });
  const cards = el('div', { class: 'cards' });
  let known = [];
  const draw = () => {
    const word = filter.value.trim().toLowerCase();
    fill(cards, ...known.filter((one) => `${one.name} ${one.display_name ?? ''}`.toLowerCase().includes(word)).map((one) => el('div', { class: 'card' },
      el('h2', {}, one.display_name ?? one.name),
      el('div', { class: 'soft' }, `${one.name} · ${one.auth_type === 'api_key' ? 'API key' : 'OAuth'} · ${one.source} · ${one.connections === 1 ? '1 connection' : `${one.connections} connections`}`),
      one.error && el('div', { class: 'bad' }, one.error),
      !readOnly && el('div', { class: 'row-of-buttons' }, button('Log in', () => login(one.name, undefined, false, base.value.trim()), '', `Log in to ${one.display_name ?? one.name}`)))));
  };
  filter.addEventListener('input', draw);
  const panel = el('div', {}, el('div', { class: 'bar' }, field('Search', filter, 'wide'), !readOnly && field('Server of your own (optional)', base, 'wide')), cards);
  return { panel, show: async () => { try { known = (await ask('providers')).providers; draw(); } catch (error) { failed(error); } } };
};

const makePolicy = () => {
  const rules = el('div', {});
  const text = el('pre', { tabindex: '0', 'aria-label': 'The smallest policy' }, 'Choose a run.');
  const which = el('select', {});
  const suggest = async () => { if (which.value) try { text.textContent = (await ask('suggest', { run: which.value })).text; } catch (error) { text.textContent = error.message; } };
  which.addEventListener('change', suggest);
  const panel = el('div', {}, el('h2', {}, 'In force'), rules, el('h2', {}, 'The smallest policy that permits what a run did'), el('div', { class: 'bar' }, field('Run', which)), text);
  const show = async () => {
    fill(rules, ...(runs.size ? [...runs.values()].map((run) => el('div', { class: 'card' }, el('h2', { class: 'mono' }, (run.command ?? []).join(' ') || run.run),
      facts([
        ['other hosts', run.denies_other_hosts ? 'refused' : 'reached without a credential'],
        ...(run.rules ?? []).map((rule) => [rule.rule, `${rule.value} (${rule.by})`]),
        ['guard rules', (run.guards ?? []).map((guard) => guard.rule).join(', ')],
      ]))) : [el('p', { class: 'soft' }, 'No run is alive.')]));
    try {
      const all = (await ask('runs')).runs;
      fill(which, ...all.map((run) => el('option', { value: run.run }, `${run.run.slice(0, 6)} ${(run.command ?? []).join(' ').slice(0, 60)}`)));
      suggest();
    } catch (error) { failed(error); }
  };
  return { panel, show };
};

// The exception that spares such requests the wait, as it would stand in the file.
const spare = async (one, done) => {
  try {
    const preview = await ask('preview_spare', { run: one.run, id: one.id });
    openDialog('Always let such requests go',
      el('p', { class: 'mono' }, preview.rule), el('p', { class: 'mono' }, preview.path), difference(preview.before, preview.after),
      el('div', { class: 'row-of-buttons' },
        button('Write it', () => ask('spare', { run: one.run, id: one.id, before: preview.before }).then(() => { closeDialog(); return done(); }).catch(failed), 'main'),
        button('Leave it', closeDialog)));
  } catch (error) { failed(error); }
};

// What waits for the user: requests, and connections that need a login.
const attend = () => {
  const dead = new Map();
  for (const run of runs.values()) for (const one of run.needs_login ?? []) dead.set(one.connection, one.reason);
  const parked = [...waiting.values()].filter((one) => one.kind === 'login');
  for (const one of parked) if (!dead.has(one.connection)) dead.set(one.connection, one.reason);
  const asked = [...waiting.values()].filter((one) => one.kind === 'decision');
  const cards = asked.map((one) => {
    const reason = el('input', { type: 'text', placeholder: 'a reason for the program (optional)', 'aria-label': 'A reason for the program' });
    const answer = (how) => doing(askRun(one.run, { do: 'decide', id: one.id, answer: how, reason: reason.value }), how === 'no' ? 'It is refused.' : 'It goes on.').then(() => { waiting.delete(`${one.run}:${one.id}`); attend(); });
    return el('div', { class: 'card urgent', 'data-waiting': one.id },
      el('h2', {}, 'May this request go?'),
      el('p', { class: 'mono' }, `${one.method} ${one.host}${one.path}${one.query ? `?${one.query}` : ''}`),
      facts([['program', one.programs.join(' ← ')], ['run', one.run.slice(0, 6)], ['connection', one.connection], ['rule', one.rule], ['why', one.reason], ['until', clock(one.until)], ['SHA-256', one.sha256]]),
      one.body?.text && el('pre', { tabindex: '0', 'aria-label': 'The beginning of its body' }, one.body.text),
      one.body && !one.body.is_whole && el('p', { class: 'soft' }, `${one.body.shown} bytes of ${one.body.length ?? 'a length that is not known'} are shown; the rest is not read yet.`),
      !readOnly && el('div', { class: 'row-of-buttons' }, reason, button('Once', () => answer('once'), 'main', `Once ${one.id}`), button('This run', () => answer('run'), '', `This run ${one.id}`),
        one.exception && button('Always…', () => spare(one, () => answer('run')), '', `Always ${one.id}`), button('No', () => answer('no'), 'bad', `No ${one.id}`)));
  });
  for (const [name, why] of dead) {
    const [provider, connection] = name.split('/');
    cards.push(el('div', { class: 'card urgent' }, el('h2', {}, `${name} needs a new login`), el('p', { class: 'soft' }, why ?? ''),
      el('p', {}, parked.some((one) => one.connection === name) ? `Requests that wait for it: ${parked.filter((one) => one.connection === name).length}. They go on after the login.` : ''), !readOnly && el('div', { class: 'row-of-buttons' }, button('Log in', () => login(provider, connection, true), 'main', `Log in again ${name}`))));
  }
  const box = byId('attention');
  const kept = box.contains(document.activeElement) && document.activeElement.tagName === 'INPUT';
  const key = JSON.stringify([[...waiting.keys()], [...dead]]);
  if (box.dataset.key !== key && !kept) { box.dataset.key = key; fill(box, ...cards); }
  box.hidden = !cards.length;
  document.title = asked.length ? `(${asked.length}) authsome` : 'authsome';
};
