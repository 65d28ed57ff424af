// Upload with progress and a way to stop: <form method="post" enctype="multipart/form-data" data-upload> around partials/drop.html.
// The server answers with a redirect (followed), with {"url": "…"} to go to, or with 4xx and {"error": "…"} or {"detail": "…"}.
// Without this module the form posts as any form does.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Write bytes in decimal units. */
export function formatBytes(bytes) {
  const power = bytes > 0 ? Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1) : 0;
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power && value < 100 ? 1 : 0)} ${UNITS[power]}`;
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

function reason(request) {
  try {
    const body = JSON.parse(request.responseText);
    return body.error ?? body.detail ?? JSON.stringify(body);
  } catch {
    return `The server answered ${request.status}. Try again, or ask whoever runs it.`;
  }
}

function arrived(form, request) {
  if (request.status >= 400) return fail(form, reason(request));
  if (request.getResponseHeader("Content-Type")?.includes("json")) {
    return location.assign(JSON.parse(request.responseText).url);
  }
  return location.assign(request.responseURL);
}

function onSubmit(event) {
  const form = event.target;
  if (!form.matches("[data-upload]") || event.defaultPrevented) return;
  event.preventDefault();
  const status = form.querySelector("[data-upload-status]");
  const bar = status.querySelector("progress");
  const note = status.querySelector("[data-upload-note]");
  const text = status.querySelector("[data-upload-text]");
  const button = event.submitter;
  const request = new XMLHttpRequest();
  const began = performance.now();

  form.querySelector("[data-upload-error]").hidden = true;
  status.hidden = false;
  text.textContent = "Uploading";
  if (button) button.disabled = true;
  const done = () => {
    status.hidden = true;
    if (button) button.disabled = false;
  };
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const left = ((performance.now() - began) / 1000) * (total / loaded - 1);
    bar.value = total ? loaded / total : 0;
    text.textContent = loaded < total ? `Uploading ${formatBytes(loaded)} / ${formatBytes(total)}` : "Storing";
    note.textContent = loaded < total ? `${Math.floor(100 * bar.value)} % · ${Math.ceil(left)} s left` : "";
  });
  request.addEventListener("load", () => (done(), arrived(form, request)));
  request.addEventListener("error", () => (done(), fail(form, "The connection broke before the file had arrived. Try again.")));
  request.addEventListener("abort", () => (done(), fail(form, "Cancelled. Nothing was stored.")));
  status.querySelector("[data-upload-cancel]").onclick = () => request.abort();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json, text/html;q=0.9");
  request.send(new FormData(form, button));
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
}
