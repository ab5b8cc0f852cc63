// What the runs tell, as it comes: rows, runs, and the numbers of the last minute.
const MAX_ROWS = 20000;
const readOnly = document.documentElement.dataset.mode === 'read';
let session = sessionStorage.getItem('session');
const runs = new Map();
const rows = [];
const pending = new Map();
const waiting = new Map();
let rowNumber = 0;
let paused = false;
const REQUESTS = new Set(['injected', 'passed', 'denied', 'failed']);
const seconds = Array.from({ length: 60 }, () => ({ at: 0, count: 0, errors: 0, times: [] }));
const listeners = new Set();
const changed = (what) => listeners.forEach((listener) => listener(what));

const post = async (path, body) => {
  const headers = { 'content-type': 'application/json' };
  if (session) headers.authorization = `Bearer ${session}`;
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body), cache: 'no-store' });
  const value = await response.json();
  if (!response.ok) throw Object.assign(new Error(value.message), value);
  return value;
};
const ask = (name, rest = {}) => post('/do', { do: name, ...rest });
const askRun = (run, what) => post('/do', { do: 'run', run, ask: what });

const count = (row) => {
  const at = Math.floor(Date.now() / 1000);
  const slot = seconds[at % 60];
  if (slot.at !== at) Object.assign(slot, { at, count: 0, errors: 0, times: [] });
  slot.count += 1;
  if (row.event === 'failed' || row.status >= 500) slot.errors += 1;
  if (row.milliseconds !== undefined && slot.times.length < 4000) slot.times.push(row.milliseconds);
};

const words = (row) => `${row.run ?? ''} ${row.program ?? ''} ${row.method ?? ''} ${row.host ?? ''}${row.path ?? ''} ${row.connection ?? ''} ${row.status ?? ''} ${row.event} ${row.rule ?? ''}`.toLowerCase();

const add = (row) => {
  row.number = rowNumber++;
  row.text = words(row);
  rows.push(row);
  if (rows.length > MAX_ROWS) rows.splice(0, MAX_ROWS / 10);
};

// What waits in a run, instead of what did.
const setWaiting = (run, list) => {
  for (const [key, one] of waiting) if (one.run === run) waiting.delete(key);
  for (const one of list ?? []) waiting.set(`${run}:${one.id}`, { ...one, run });
};
// An event says only that it has changed: what waits is no event, as it may hold what nobody but the user is to see.
const lookAtWaiting = (run) => askRun(run, { do: 'waiting' }).then((told) => { if (runs.has(run)) setWaiting(run, told.waiting); changed('waiting'); }).catch(() => {});

const take = (event, isLive) => {
  const run = runs.get(event.run);
  switch (event.event) {
    case 'state':
      runs.set(event.run, { ...event, live: false });
      setWaiting(event.run, event.waiting);
      return 'runs';
    case 'live': if (run) run.live = true; return 'runs';
    case 'unwatched': runs.delete(event.run); setWaiting(event.run); return 'runs';
    case 'run_end': if (run) { run.ended = true; } return 'runs';
    case 'began': {
      const row = { ...event, event: 'open', program: program(run) };
      add(row);
      pending.set(`${event.run} ${event.request}`, row);
      return 'rows';
    }
    case 'gone': {
      const row = pending.get(`${event.run} ${event.request}`);
      if (row) { row.event = 'passed'; pending.delete(`${event.run} ${event.request}`); }
      return 'rows';
    }
    case 'waiting': lookAtWaiting(event.run); return '';
    case 'joined': case 'needs_login': case 'parked': case 'released': case 'refresh': case 'refresh_failed': case 'login': case 'logout': case 'revoke': case 'login_page': case 'login_done':
      changed(event); return 'connections';
    default:
  }
  if (!REQUESTS.has(event.event)) return '';
  const key = `${event.run} ${event.request}`;
  const row = event.request === undefined ? undefined : pending.get(key);
  if (row) { pending.delete(key); const { number } = row; Object.assign(row, event); row.number = number; row.text = words(row); }
  else add({ ...event, program: program(run) });
  if (run) run[event.event] = (run[event.event] ?? 0) + (isLive && run.live ? 1 : 0);
  if (isLive && run?.live) count(event);
  return event.event === 'denied' ? 'denied' : 'rows';
};

const program = (run) => (run?.command?.[0] ?? '').split('/').pop();

// Reads the stream; it is opened again when it ends.
const follow = async (onState) => {
  for (;;) {
    try {
      const response = await fetch('/events', { headers: { authorization: `Bearer ${session}` }, cache: 'no-store' });
      if (response.status === 401) { onState('closed'); return; }
      if (!response.ok) throw new Error('refused');
      runs.clear(); waiting.clear(); pending.clear(); rows.length = 0;
      onState('open');
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let rest = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
        rest = lines.pop();
        const kinds = new Set();
        for (const line of lines) if (line) kinds.add(take(JSON.parse(line), true));
        kinds.forEach((kind) => kind && changed(kind));
      }
    } catch { /* the page's program has ended, or is gone for a moment */ }
    onState('lost');
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
};

// A list of any length, of which only what is seen has elements.
class List {
  constructor(label, open) {
    this.open = open; this.items = []; this.selected = -1; this.pool = []; this.follows = true;
    this.body = el('div', { role: 'presentation' });
    this.box = el('div', { class: 'list', role: 'listbox', tabindex: '0', 'aria-label': label }, this.body);
    this.hint = el('div', { class: 'empty' }, 'Nothing yet.');
    this.box.addEventListener('scroll', () => { this.follows = this.box.scrollTop < this.height(); this.draw(); }, { passive: true });
    this.box.addEventListener('keydown', (event) => this.key(event));
    this.box.addEventListener('click', (event) => { const row = event.target.closest('[role=option]'); if (row) this.choose(Number(row.dataset.at), true); });
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  height() { return matchMedia('(max-width: 760px)').matches ? 48 : 30; }

  // The newest first; what is looked at stays where it is.
  set(items) {
    const grown = items.length - this.items.length;
    const chosen = this.items[this.selected];
    this.items = items;
    if (chosen && items[this.selected] !== chosen) { this.selected = items.indexOf(chosen, Math.max(0, this.selected)); if (this.selected < 0) this.selected = items.indexOf(chosen); }
    if (!this.follows && grown > 0) this.box.scrollTop += grown * this.height();
    this.draw();
  }

  draw() {
    const height = this.height();
    const first = Math.max(0, Math.floor(this.box.scrollTop / height) - 3);
    const seen = Math.min(this.items.length - first, Math.ceil(this.box.clientHeight / height) + 6);
    this.body.style.height = `${this.items.length * height}px`;
    this.box.setAttribute('role', this.items.length ? 'listbox' : 'group');
    if (!this.items.length) { if (!this.hint.isConnected) this.box.append(this.hint); } else this.hint.remove();
    while (this.pool.length < seen) { const row = this.make(); this.pool.push(row); this.body.append(row.box); }
    this.pool.forEach((row, at) => {
      const index = first + at;
      const shown = at < seen;
      row.box.hidden = !shown;
      if (shown) this.update(row, this.items[index], index, height);
    });
    const active = this.pool.find((row) => !row.box.hidden && Number(row.box.dataset.at) === this.selected);
    if (active) this.box.setAttribute('aria-activedescendant', active.box.id); else this.box.removeAttribute('aria-activedescendant');
  }

  make() {
    const cells = {};
    const box = el('div', { role: 'option', id: `row-${List.made++}`, 'aria-selected': 'false' });
    for (const name of ['time', 'run', 'method', 'place', 'connection', 'status', 'ms', 'bytes']) {
      cells[name] = el('span', { class: `${name}${['ms', 'bytes', 'status'].includes(name) ? ' number-cell' : ''}` });
      box.append(cells[name]);
    }
    return { box, cells };
  }

  update(row, item, index, height) {
    const { box, cells } = row;
    const status = item.event === 'open' ? '…' : String(item.status ?? item.event);
    if (box.dataset.at !== String(index)) { box.dataset.at = index; box.style.top = `${index * height}px`; box.setAttribute('aria-posinset', index + 1); }
    else if (row.height !== height) box.style.top = `${index * height}px`;
    row.height = height;
    const isSelected = String(index === this.selected);
    if (box.getAttribute('aria-selected') !== isSelected) box.setAttribute('aria-selected', isSelected);
    box.setAttribute('aria-setsize', this.items.length);
    if (row.item === item && row.event === item.event) return;
    row.item = item; row.event = item.event;
    cells.time.textContent = clock(item.time);
    cells.run.textContent = item.program || (item.run ?? '').slice(0, 8);
    cells.method.textContent = item.method ?? '';
    cells.place.textContent = `${item.host ?? ''}${item.path ?? ''}`.replace(':443/', '/');
    cells.connection.textContent = item.connection ?? '';
    cells.status.textContent = item.event === 'denied' ? `${status} denied` : status;
    cells.status.className = `status number-cell ${item.event === 'denied' || item.event === 'failed' || item.status >= 500 ? 'bad' : item.status >= 400 ? 'warn' : ''}`;
    cells.ms.textContent = item.milliseconds === undefined ? '' : `${item.milliseconds} ms`;
    cells.bytes.textContent = bytesText(item.bytes);
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.height()) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in moves) {
      event.preventDefault();
      const to = Math.min(this.items.length - 1, Math.max(0, this.selected < 0 ? 0 : this.selected + moves[event.key]));
      this.choose(to, false);
    } else if ((event.key === 'Enter' || event.key === ' ') && this.items[this.selected]) { event.preventDefault(); this.open(this.items[this.selected]); }
  }

  choose(index, isOpened) {
    if (!this.items[index]) return;
    this.selected = index;
    const height = this.height();
    const top = index * height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + height > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + height - this.box.clientHeight;
    this.draw();
    if (isOpened) this.open(this.items[index]);
  }
}
List.made = 0;

// The last minute in one line.
const spark = (name, unit) => {
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  picture.setAttribute('viewBox', '0 0 59 30');
  picture.setAttribute('preserveAspectRatio', 'none');
  picture.setAttribute('aria-hidden', 'true');
  picture.append(line);
  const number = el('span', { class: 'number' }, '0');
  const box = el('div', { class: 'spark' }, el('div', { class: 'soft' }, name), number, ` ${unit}`, picture);
  const draw = (values) => {
    const most = Math.max(1, ...values);
    line.setAttribute('points', values.map((value, at) => `${at},${29 - (28 * value) / most}`).join(' '));
    number.textContent = String(values[values.length - 1]);
  };
  return { box, draw };
};
const lastMinute = (of) => {
  const now = Math.floor(Date.now() / 1000);
  return Array.from({ length: 60 }, (_, at) => { const slot = seconds[(now - 60 + at) % 60]; return slot.at === now - 60 + at ? of(slot) : 0; });
};
const p99 = (slot) => { if (!slot.times.length) return 0; const sorted = [...slot.times].sort((a, b) => a - b); return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))]; };
