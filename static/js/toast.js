// Short news at the edge of the page. Failures stay until dismissed; the rest leave by themselves, not while read.
//   toast("Run 3 is paused.", { kind: "success" })      kinds: info, success, warning, danger
//   from the server: Django's messages, or the header HX-Trigger: {"toast": {"text": "…", "kind": "success"}}

const STAY_MS = 7000;
const TONES = { success: "good", warning: "warn", danger: "bad", error: "bad", info: "accent" };

function live(element, kind) {
  element.dataset.tone = TONES[kind] ?? "";
  const stays = TONES[kind] === "bad";
  if (stays) element.setAttribute("role", "alert");
  let timer = 0;
  const arm = () => {
    if (!stays) timer = setTimeout(() => element.remove(), STAY_MS);
  };
  const hold = () => clearTimeout(timer);
  element.addEventListener("pointerenter", hold);
  element.addEventListener("focusin", hold);
  element.addEventListener("pointerleave", arm);
  element.addEventListener("focusout", arm);
  element.querySelector("[data-toast-close]").addEventListener("click", () => element.remove());
  arm();
}

/** Show `text`; returns the element. */
export function toast(text, { kind = "info" } = {}) {
  const element = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  element.querySelector("p").textContent = text;
  document.getElementById("toasts").append(element);
  live(element, kind);
  return element;
}

/** Start listening; app.js calls it once. */
export function start() {
  for (const told of document.querySelectorAll("[data-toast]")) {
    toast(told.textContent.trim(), { kind: told.dataset.toast });
    told.remove();
  }
  document.addEventListener("toast", ({ detail }) => toast(detail.text ?? detail.value, { kind: detail.kind }));
  document.addEventListener("htmx:responseError", ({ detail }) => {
    const { status } = detail.xhr;
    const why = { 403: "Your role does not cover this.", 404: "It is no longer there.", 409: detail.xhr.responseText }[status];
    toast(why || `The server answered ${status}. Nothing was changed; reload the page and try again.`, { kind: "danger" });
  });
  document.addEventListener("htmx:sendError", () => {
    toast("The server does not answer. Check the connection and try again.", { kind: "danger" });
  });
}
