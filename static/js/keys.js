// The keyboard. Three ways to a key:
//   register({ keys: "r", label: "Refresh", group: "Run", run: () => … })  returns a function that takes it back;
//                                          with `does`, the help lists it only where that says true
//   <button data-key="p">Pause</button>    presses the button; its text is the label unless data-key-label says otherwise;
//                                          a hint is drawn inside unless data-key-quiet is there
//   <tbody data-rows> or any [data-rows]   j and k walk its rows ([data-href] or [data-row]), Enter opens
// `keys` is one key as in KeyboardEvent.key ("p", "?", "ArrowLeft"; " " is "Space"), with "Shift+" in front of a named key where needed,
// or two of them with a space between ("g o").

const ENABLED = "efm-keys";
const PREFIX_MS = 1200;
const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
const FILTER = 'input[type="search"], .filters :is(select, input)';
const registry = new Map();
let prefix = null;
let prefixTimer = 0;

/** Add a key. Later registrations of the same keys win until they are taken back. */
export function register(entry) {
  const before = registry.get(entry.keys);
  registry.set(entry.keys, { group: "This page", ...entry });
  return () => {
    if (before) registry.set(entry.keys, before);
    else registry.delete(entry.keys);
  };
}

function enabled() {
  try {
    return localStorage.getItem(ENABLED) !== "off";
  } catch {
    return true;
  }
}

function isTyping(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox],[type=radio],[type=button]), textarea, select, [contenteditable]");
}

function nameOf(event) {
  const key = event.key === " " ? "Space" : event.key;
  return `${key.length > 1 && event.shiftKey ? "Shift+" : ""}${key}`;
}

// Space and Enter belong to the button or link that has the focus.
function pressesFocus(event) {
  return (event.key === " " || event.key === "Enter") && event.target instanceof Element && event.target.closest("a, button, summary, input");
}

function visible(element) {
  return element.checkVisibility?.() ?? element.offsetParent !== null;
}

function labelled(element) {
  if (element.dataset.keyLabel) return element.dataset.keyLabel;
  const copy = element.cloneNode(true);
  for (const hint of copy.querySelectorAll("kbd, svg")) hint.remove();
  return copy.textContent.trim() || element.getAttribute("aria-label") || element.title;
}

function boundElement(keys) {
  const scope = document.querySelector("dialog[open]") ?? document;
  const all = [...scope.querySelectorAll(`[data-key="${CSS.escape(keys)}"]`)];
  return all.find((element) => !element.disabled && (visible(element) || element.closest(".menu")));
}

function press(keys) {
  const element = boundElement(keys);
  if (element) {
    element.click();
    return true;
  }
  if (document.querySelector("dialog[open]")) return false;
  const entry = registry.get(keys);
  if (!entry) return false;
  entry.run();
  return true;
}

function opensPrefix(key) {
  const head = `${key} `;
  return [...registry.keys()].some((keys) => keys.startsWith(head)) || document.querySelector(`[data-key^="${CSS.escape(key)} "]`);
}

function onKeydown(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (pressesFocus(event)) return;
  if (event.key === "Shift" || (!enabled() && event.key !== "?")) return;
  const key = nameOf(event);
  const keys = prefix ? `${prefix} ${key}` : key;
  const had = prefix;
  prefix = null;
  if (press(keys)) {
    event.preventDefault();
  } else if (!had && opensPrefix(key)) {
    prefix = key;
    clearTimeout(prefixTimer);
    prefixTimer = setTimeout(() => (prefix = null), PREFIX_MS);
  }
}

// Rows

function rowsHere() {
  const lists = [...document.querySelectorAll("[data-rows]")].filter(visible);
  const list = lists.find((each) => each.contains(document.activeElement)) ?? lists[0];
  return list ? [...list.querySelectorAll("[data-href], [data-row]")].filter(visible) : [];
}

function walk(by) {
  const rows = rowsHere();
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
  for (const row of rows) row.removeAttribute("aria-selected");
  next.setAttribute("aria-selected", "true");
  (next.querySelector("a, button") ?? next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function onRowClick(event) {
  const row = event.target.closest("tr[data-href]");
  if (!row || event.target.closest("a, button, input, select, label, summary")) return;
  if (String(getSelection())) return; // somebody is copying from the table
  if (event.metaKey || event.ctrlKey) open(row.dataset.href, "_blank", "noopener");
  else location.assign(row.dataset.href);
}

// Hints and help

function drawHints(root) {
  for (const element of root.querySelectorAll("[data-key]:not([data-key-quiet])")) {
    if (element.querySelector("kbd")) continue;
    const hint = document.createElement("kbd");
    hint.textContent = element.dataset.key;
    hint.setAttribute("aria-hidden", "true");
    element.append(hint);
    element.setAttribute("aria-keyshortcuts", element.dataset.key);
  }
}

function collected() {
  const groups = new Map();
  const add = (group, keys, label) => {
    if (!groups.has(group)) groups.set(group, new Map());
    groups.get(group).set(keys, label);
  };
  for (const element of document.querySelectorAll("[data-key]")) {
    add(element.dataset.keyGroup ?? "This page", element.dataset.key, labelled(element));
  }
  for (const entry of registry.values()) {
    const taken = document.querySelector(`[data-key="${CSS.escape(entry.keys)}"]`);
    if (!taken && (entry.does?.() ?? true)) add(entry.group, entry.keys, entry.label);
  }
  return groups;
}

function keyLine(keys, label) {
  const line = document.createElement("div");
  const term = document.createElement("dt");
  const detail = document.createElement("dd");
  term.textContent = label;
  for (const key of keys.split(" ")) {
    const cap = document.createElement("kbd");
    cap.textContent = SIGNS[key] ?? key;
    detail.append(cap, " ");
  }
  line.append(term, detail);
  return line;
}

/** Open the dialog that lists every key of this page. */
export function showHelp() {
  const dialog = document.getElementById("keys-dialog");
  if (!dialog || dialog.open) return;
  const sections = [...collected()].map(([group, keys]) => {
    const section = document.createElement("section");
    const title = document.createElement("h3");
    const list = document.createElement("dl");
    title.textContent = group;
    list.append(...[...keys].map(([each, label]) => keyLine(each, label)));
    section.append(title, list);
    return section;
  });
  dialog.querySelector("[data-keys-list]").replaceChildren(...sections);
  dialog.querySelector("[data-keys-enabled]").checked = enabled();
  dialog.showModal();
}

/** Start listening; app.js calls it once. */
export function start() {
  const group = "Everywhere";
  register({ keys: "?", label: "This help", group, run: showHelp });
  const does = () => rowsHere().length > 0;
  register({ keys: "j", label: "Next row", group, does, run: () => walk(1) });
  register({ keys: "k", label: "Previous row", group, does, run: () => walk(-1) });
  const filter = () => document.querySelector(FILTER);
  register({ keys: "/", label: "Search or filter", group, does: filter, run: () => filter()?.focus() });
  document.addEventListener("keydown", onKeydown);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys-help]")) showHelp();
    else onRowClick(event);
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-keys-enabled]")) return;
    try {
      localStorage.setItem(ENABLED, event.target.checked ? "on" : "off");
    } catch {
      // Nothing keeps it; the keys stay on.
    }
  });
  drawHints(document);
  document.addEventListener("htmx:load", (event) => drawHints(event.target));
}
