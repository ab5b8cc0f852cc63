// Elements. Text becomes text: nothing here makes markup of it.
const byId = (id) => document.getElementById(id);
const el = (name, props = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (key === 'class') made.className = value;
    else made.setAttribute(key, value === true ? '' : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
};
const fill = (parent, ...children) => { parent.replaceChildren(...children.filter(Boolean)); return parent; };
const button = (text, act, kind = '', label = '') => el('button', { type: 'button', class: kind, 'aria-label': label || undefined, onclick: act }, text);
const facts = (pairs) => el('dl', {}, ...pairs.filter(([, value]) => value !== undefined && value !== null && value !== '')
  .flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value instanceof Node ? value : String(value))]));
const field = (text, control, kind = '') => el('label', { class: kind }, text, control);

let saying = 0;
const say = (text) => {
  byId('said').textContent = text;
  clearTimeout(saying);
  saying = setTimeout(() => { byId('said').textContent = ''; }, 6000);
};

// A dialog; the element that opened it gets the focus back.
const openDialog = (title, ...content) => {
  const dialog = byId('dialog');
  fill(dialog, el('h2', { id: 'dialog-title' }, title), ...content);
  if (!dialog.open) dialog.showModal();
  return dialog;
};
const closeDialog = () => byId('dialog').close();

const clock = (time) => { const at = new Date(time); return Number.isNaN(at.getTime()) ? '' : at.toLocaleTimeString([], { hour12: false }); };
const bytesText = (n) => n === undefined || n === null ? '' : n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} K` : `${(n / 1048576).toFixed(1)} M`;
const left = (until) => {
  const seconds = Math.round((new Date(until) - Date.now()) / 1000);
  if (Number.isNaN(seconds)) return '';
  if (seconds <= 0) return 'expired, renewed when used';
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 48) return `expires in ${Math.floor(h / 24)} days`;
  return `expires in ${h ? `${h} h ` : ''}${h || m ? `${m} min ` : ''}${h ? '' : `${s} s`}`;
};
