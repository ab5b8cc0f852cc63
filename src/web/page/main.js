// The start: the session, the views, the keys.
const views = [
  ['live', 'Live', makeLive('Requests of all runs', everything, 'No request yet. Start one: authsome run -- COMMAND')],
  ['refused', 'Refused', makeLive('Requests that were refused', (row) => row.event === 'denied', 'Nothing was refused.')],
  ['connections', 'Connections', makeConnections()],
  ['history', 'History', makeHistory()],
  ['providers', 'Providers', makeProviders()],
  ['policy', 'Policy', makePolicy()],
];
const tabs = views.map(([id, name]) => el('button', { type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': `panel-${id}`, 'aria-selected': 'false', tabindex: '-1', onclick: () => choose(id) }, name));
const choose = (id, isFocused) => views.forEach(([name, , view], at) => {
  const is = name === id;
  tabs[at].setAttribute('aria-selected', is);
  tabs[at].tabIndex = is ? 0 : -1;
  view.panel.hidden = !is;
  if (is) { if (session) view.show(); if (isFocused) tabs[at].focus(); sessionStorage.setItem('view', id); }
});
fill(byId('tabs'), ...tabs);
fill(byId('panels'), ...views.map(([id, , view]) => { view.panel.id = `panel-${id}`; view.panel.setAttribute('role', 'tabpanel'); view.panel.setAttribute('aria-labelledby', `tab-${id}`); view.panel.hidden = true; return view.panel; }));
byId('tabs').addEventListener('keydown', (event) => {
  const at = tabs.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to !== undefined) { event.preventDefault(); choose(views[(to + tabs.length) % tabs.length][0], true); }
});
// 1 to 6 choose a view, / the filter, where nothing is being typed.
document.addEventListener('keydown', (event) => {
  if (event.target.closest('input, select, dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
  if (views[Number(event.key) - 1]) { event.preventDefault(); choose(views[Number(event.key) - 1][0], true); }
  if (event.key === '/') { event.preventDefault(); byId('panels').querySelector(':scope > :not([hidden]) input')?.focus(); }
});
listeners.add((what) => { if (what === 'runs' || what === 'waiting' || what?.event === 'needs_login') attend(); });

const state = (text) => { byId('state').textContent = text; };
const alive = () => `${runs.size === 1 ? '1 run' : `${runs.size} runs`}${readOnly ? ' · read only' : ''}`;
listeners.add((what) => { if (what === 'runs') state(alive()); });

const start = async () => {
  const token = location.hash.slice(1);
  if (token) {
    // The address stays neither in the address bar nor in the history.
    history.replaceState(null, '', '/');
    try { session = (await post('/session', { token })).session; sessionStorage.setItem('session', session); } catch (error) { session = null; state(error.message); }
  }
  choose(sessionStorage.getItem('view') ?? 'live');
  if (!session) { state('Closed. Open a new page: authsome ui'); return; }
  // A run's state is asked again now and then: its connections may have come to need a login.
  setInterval(() => { if (!document.hidden) for (const run of runs.values()) askRun(run.run, { do: 'state' }).then((now) => { if (runs.has(run.run)) { run.needs_login = now.needs_login; run.connections = now.connections; attend(); } }).catch(() => {}); }, 5000);
  follow((what) => state({ open: alive(), closed: 'Closed. Open a new page: authsome ui', lost: 'authsome ui has ended, or does not respond…' }[what]));
};
start();
