// Dialogs and menus.
//   await confirmDialog({ title, text, action, danger })                 true when the person agrees
//   <form data-confirm="Stop run 3?" data-confirm-text="…" data-confirm-action="Stop" data-confirm-danger>
//   hx-confirm="…" asks through the same dialog
//   data-dialog-open="id" on a button, data-dialog-close inside a <dialog>

let pending = Promise.resolve();

/** Ask; one question at a time. Resolves to whether the person agreed. */
export function confirmDialog(question) {
  const answer = pending.then(() => ask(question));
  pending = answer.catch(() => undefined);
  return answer;
}

function ask({ title, text = "", action = "Yes", danger = false }) {
  const dialog = document.getElementById("confirm-dialog");
  const button = dialog.querySelector("[data-confirm-button]");
  dialog.querySelector("h2").textContent = title;
  const body = dialog.querySelector("[data-confirm-text]");
  body.textContent = text;
  body.hidden = !text;
  button.textContent = action;
  button.classList.toggle("btn-danger", danger);
  button.classList.toggle("btn-primary", !danger);
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "confirm"), { once: true });
  });
}

function questionOf(element) {
  const { confirm, confirmText, confirmAction } = element.dataset;
  return { title: confirm, text: confirmText, action: confirmAction, danger: "confirmDanger" in element.dataset };
}

async function onSubmit(event) {
  const form = event.target;
  if (!form.dataset.confirm || form.hasAttribute("hx-post")) return;
  event.preventDefault();
  event.stopPropagation();
  const question = questionOf(form);
  const { submitter } = event;
  if (!(await confirmDialog(question))) return;
  delete form.dataset.confirm; // the second submit goes through
  form.requestSubmit(submitter);
  form.dataset.confirm = question.title;
}

async function onHtmxConfirm(event) {
  const element = event.detail.elt;
  if (!event.detail.question && !element.dataset.confirm) return;
  event.preventDefault();
  const question = element.dataset.confirm ? questionOf(element) : { ...questionOf(element), title: event.detail.question };
  if (await confirmDialog(question)) event.detail.issueRequest(true);
}

function onClick(event) {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) document.getElementById(opener.dataset.dialogOpen)?.showModal();
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement) event.target.close(); // the scrim is the dialog itself
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
}

/** Start listening; app.js calls it once. */
export function start() {
  document.addEventListener("submit", onSubmit, { capture: true });
  document.addEventListener("htmx:confirm", onHtmxConfirm);
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
