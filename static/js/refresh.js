// Bring parts of a page up to date without disturbing it: what did not change is not touched, so focus, selection, open
// details and scroll positions stay, and nothing flickers.
//   await refresh(url)          fetches the page's parts; each element with an id takes the place of the one with that id
//   atMostEvery(ms, run)        a function that runs at once, then not again before `ms` have passed or while it still runs; the last call is never lost

const OURS = new Set(["aria-selected", "open", "style", "data-following", "aria-keyshortcuts"]); // set by scripts or people, not by the server

/** Fetch `url` as parts and morph each into its place. Gives the parts' elements, or [] when the server did not answer. */
export async function refresh(url) {
  let response;
  try {
    response = await fetch(url, { headers: { "HX-Request": "true", Accept: "text/html" }, cache: "no-store" });
  } catch {
    return []; // offline: the next event or the next round tries again
  }
  if (response.headers.get("HX-Redirect")) location.assign(response.headers.get("HX-Redirect"));
  if (!response.ok || response.status === 204) return [];
  return place(await response.text());
}

/** Morph the parts in `html` into the page. */
export function place(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const changed = [];
  for (const part of [...holder.content.children]) {
    const here = part.id && document.getElementById(part.id);
    if (!here) continue;
    const held = here.contains(document.activeElement) ? document.activeElement : null;
    morph(here, part);
    if (held && !held.isConnected) here.querySelector("button, a")?.focus({ preventScroll: true });
    here.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true }));
    changed.push(here);
  }
  return changed;
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? "") === (b.id ?? "");
}

function morph(here, wanted) {
  if (here.nodeType !== Node.ELEMENT_NODE) {
    if (here.data !== wanted.data) here.data = wanted.data;
    return;
  }
  for (const { name } of [...here.attributes]) {
    if (!wanted.hasAttribute(name) && !OURS.has(name)) here.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (!OURS.has(name) && here.getAttribute(name) !== value) here.setAttribute(name, value);
  }
  if (here instanceof SVGElement ? here.innerHTML !== wanted.innerHTML : true) morphChildren(here, wanted);
}

function morphChildren(here, wanted) {
  // Key hints are drawn by keys.js; the server knows nothing of them.
  const old = [...here.childNodes].filter((node) => !(node.nodeName === "KBD" && node.getAttribute("aria-hidden")));
  const byId = new Map(old.filter((node) => node.id).map((node) => [node.id, node]));
  let at = 0;
  for (const next of [...wanted.childNodes]) {
    const named = next.id && byId.get(next.id);
    if (named && named !== old[at] && old.includes(named)) {
      old.splice(old.indexOf(named), 1);
      here.insertBefore(named, old[at] ?? null);
      old.splice(at, 0, named);
    }
    const now = old[at];
    if (now && alike(now, next)) morph(now, next);
    else if (now && !byId.has(now.id)) now.replaceWith(next), (old[at] = next);
    else here.insertBefore(next, now ?? null), old.splice(at, 0, next);
    at += 1;
  }
  for (const rest of old.slice(at)) rest.remove();
}

/** A function that calls `run` at most once per `ms`, and never while the last call is at work; a call in between is made up for at the end. */
export function atMostEvery(ms, run) {
  let last = -Infinity;
  let wanted = false;
  let busy = false;

  const plan = () => setTimeout(work, Math.max(0, last + ms - performance.now()));

  async function work() {
    wanted = false;
    busy = true;
    last = performance.now();
    try {
      await run();
    } finally {
      busy = false;
      if (wanted) plan();
    }
  }

  return () => {
    if (wanted) return;
    wanted = true;
    if (!busy) plan();
  };
}
