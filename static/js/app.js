// What every page has: keys, dialogs, toasts, plots, uploads, fresh ages, logs that follow.

import { start as startDialogs } from "efm/dialog";
import { start as startKeys } from "efm/keys";
import { start as startPlots } from "efm/plot";
import { start as startToasts } from "efm/toast";
import { start as startUploads } from "efm/upload";

const THIN = "\u202f";
const AGE_EVERY_MS = 10_000;

function ago(seconds) {
  if (Math.abs(seconds) <= 5) return "now";
  const size = Math.abs(seconds);
  const steps = [[90, 1, "s"], [5400, 60, "min"], [129_600, 3600, "h"], [Infinity, 86_400, "d"]];
  const [, divisor, unit] = steps.find(([limit]) => size < limit);
  const span = `${Math.round(size / divisor)}${THIN}${unit}`;
  return seconds < 0 ? `in ${span}` : `${span} ago`;
}

function freshenAges() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = ago((Date.now() - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}

// A log that is read at its end stays at its end; one that somebody scrolled up in stays where it is.
function followLog(log) {
  const toEnd = () => (log.scrollTop = log.scrollHeight);
  let atEnd = true;
  log.addEventListener("scroll", () => (atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24));
  new MutationObserver(() => atEnd && toEnd()).observe(log, { childList: true });
  toEnd();
}

function prepare(root) {
  for (const log of root.querySelectorAll(".log[data-follow]:not([data-following])")) {
    log.dataset.following = "";
    followLog(log);
  }
  root.querySelector(':is(form[method="post"], form[hx-post]) [aria-invalid="true"]')?.focus();
}

startToasts();
startDialogs();
startKeys();
startUploads();
startPlots();
prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.target));
setInterval(freshenAges, AGE_EVERY_MS);
document.querySelector('.mainnav [aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "center" });
