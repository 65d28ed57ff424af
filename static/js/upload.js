// Uploads with progress, pause and resume: <form data-upload="the API's uploads" data-task="slug" data-done="/datasets/"> around
// partials/drop.html. Files go in pieces, so a reload or a lost connection loses nothing. Without this module the form posts as any form does.

import { Cancelled, Refused, Transfer, unfinished } from "efm/tus";

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const RATE_OVER_MS = 8000;

/** Write bytes in decimal units. */
export function formatBytes(bytes) {
  const power = bytes > 0 ? Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1) : 0;
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power && value < 100 ? 1 : 0)} ${UNITS[power]}`;
}

function formatSeconds(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function onChoose(event) {
  const zone = event.target.closest("[data-drop]");
  if (!zone || event.target.type !== "file") return;
  const [file] = event.target.files;
  const name = zone.querySelector("[data-drop-name]");
  zone.toggleAttribute("data-chosen", Boolean(file));
  name.textContent = file ? `${file.name}, ${formatBytes(file.size)}` : name.dataset.empty;
}

function fail(form, text) {
  const list = form.querySelector("[data-upload-error]");
  const item = document.createElement("li");
  item.textContent = text;
  list.replaceChildren(item);
  list.hidden = false;
}

/** Bytes per second over the last seconds; 0 while nothing is known. */
function rateMeter() {
  let seen = [];
  return (sent) => {
    const now = performance.now();
    if (seen.length && sent < seen.at(-1).sent) seen = []; // a piece was lost and is sent again
    seen = [...seen.filter(({ at }) => now - at < RATE_OVER_MS), { at: now, sent }];
    const [first] = seen;
    return now > first.at ? (1000 * (sent - first.sent)) / (now - first.at) : 0;
  };
}

function painter(form) {
  const status = form.querySelector("[data-upload-status]");
  const find = (name) => status.querySelector(`[data-upload-${name}]`);
  const [bar, text, note, pause] = [status.querySelector("progress"), find("text"), find("note"), find("pause")];
  const measure = rateMeter();
  return ({ state, sent, size }) => {
    const percent = `${Math.floor((100 * sent) / size)} %`;
    const rate = state === "sending" ? measure(sent) : 0;
    const words = { sending: "Uploading", paused: "Paused at", waiting: "No connection; trying again. Sent" };
    bar.value = sent / size;
    text.textContent = state === "finishing" ? "Checking and storing" : `${words[state]} ${formatBytes(sent)} / ${formatBytes(size)}`;
    const moving = rate > 0 ? `${percent} · ${formatBytes(rate)}/s · ${formatSeconds((size - sent) / rate)} left` : percent;
    note.textContent = state === "finishing" ? "" : moving;
    pause.textContent = state === "paused" ? "Resume" : "Pause";
    pause.hidden = state === "finishing";
    status.dataset.state = state;
  };
}

async function onSubmit(event) {
  const form = event.target;
  if (!form.matches("[data-upload]") || event.defaultPrevented) return;
  const [file] = form.querySelector("input[type=file]").files;
  if (!file?.size) return; // the server says what is wrong
  event.preventDefault();
  const status = form.querySelector("[data-upload-status]");
  const transfer = new Transfer(file, {
    endpoint: form.dataset.upload,
    csrf: form.querySelector("[name=csrfmiddlewaretoken]").value,
    metadata: { task: form.dataset.task, filename: file.name, name: form.elements.name?.value ?? "" },
    onChange: painter(form),
  });
  const busy = (is) => {
    status.hidden = !is;
    // What leaves the form would only pause the upload: the one way to cancel is beside the bar.
    for (const row of form.querySelectorAll(".form-actions")) row.hidden = is;
    remind(form, is);
    for (const control of form.querySelectorAll("[type=submit], input")) control.disabled = is;
  };
  form.querySelector("[data-upload-error]").hidden = true;
  status.querySelector("[data-upload-pause]").onclick = () => (transfer.state === "paused" ? transfer.resume() : transfer.pause());
  status.querySelector("[data-upload-cancel]").onclick = () => transfer.cancel();
  busy(true);
  try {
    const dataset = await transfer.run();
    location.assign(form.dataset.done + dataset.match(/(\d+\/)$/)[1]);
  } catch (error) {
    busy(false);
    if (error instanceof Cancelled) fail(form, "Cancelled. Nothing was stored.");
    else if (error instanceof Refused) fail(form, error.message);
    else throw error;
  }
}

// A browser forgets which file was chosen, so that whoever comes back is told to choose it again.
function remind(form, busy = false) {
  const line = form.querySelector("[data-upload-waiting]");
  const begun = busy ? [] : unfinished(form.dataset.task);
  if (line) line.hidden = !begun.length;
  if (!line || !begun.length) return;
  const names = begun.map(({ name, share }) => `${name} (${Math.floor(100 * share)} %)`).join(", ");
  line.textContent = `Not finished: ${names}. Choose the same file to go on where it stopped.`;
}

function onDrag(event) {
  const zone = event.target.closest?.("[data-drop]");
  zone?.toggleAttribute("data-over", event.type === "dragenter" || event.type === "dragover");
}

/** Start listening; app.js calls it once. */
export function start() {
  document.addEventListener("change", onChoose);
  document.addEventListener("submit", onSubmit);
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) document.addEventListener(kind, onDrag);
  for (const form of document.querySelectorAll("[data-upload]")) remind(form);
}
