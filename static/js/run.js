// One run, live: its state, curves, log and results follow its events.

import { connect } from "efm/events";
import { draw } from "efm/plot";
import { atMostEvery, place, refresh } from "efm/refresh";
import { toast } from "efm/toast";

const AXIS = "efm-run-axis";
const ROUND_MS = 15_000;
const MOST_LINES = 1000;

const root = document.getElementById("run");
const log = document.getElementById("run-log");
const axis = document.getElementById("run-axis");

async function updateCurves() {
  const response = await fetch(`${root.dataset.curvesUrl}?x=${encodeURIComponent(axis.value)}`, { cache: "no-store" });
  if (!response.ok) return;
  const figures = await response.json();
  for (const plot of document.querySelectorAll("[data-chart]")) draw(plot, figures[plot.dataset.chart]);
}

async function updateLog() {
  const last = log.lastElementChild?.dataset.line ?? 0;
  const response = await fetch(`${root.dataset.logUrl}?after=${last}`, { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (!response.ok) return;
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  log.append(...holder.content.children);
  while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
}

const quietly = (work) => () => work().catch(() => undefined); // offline: the next event or round tries again
const curves = atMostEvery(1000, quietly(updateCurves));
const lines = atMostEvery(500, quietly(updateLog));
const status = atMostEvery(500, () => refresh(root.dataset.statusUrl));
const results = atMostEvery(2000, () => refresh(root.dataset.resultsUrl));
const everything = () => [status, curves, lines, results].forEach((update) => update());

const WHAT = {
  run_changed: ({ state }) => {
    status();
    if (!["queued", "running"].includes(state)) results();
  },
  points_added: () => (curves(), status()),
  log_added: lines,
  checkpoint_added: results,
  episodes_recorded: results,
};

// A busy form stays as it is: a disabled button would lose the focus.
async function control(form) {
  if ("busy" in form.dataset) return;
  form.dataset.busy = "";
  let response;
  try {
    response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } });
  } finally {
    delete form.dataset.busy;
  }
  if (response.ok) place(await response.text());
  const said = response.headers.get("HX-Trigger");
  if (said) {
    const { text, kind } = JSON.parse(said).toast;
    toast(text, { kind });
  }
}

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || !event.target.matches("[data-control]")) return;
  event.preventDefault();
  control(event.target).catch(() => toast("The server did not answer; nothing was changed.", { kind: "danger" }));
});

function chooseAxis() {
  try {
    const kept = localStorage.getItem(AXIS);
    if ([...axis.options].some((option) => option.value === kept) && kept !== axis.value) {
      axis.value = kept;
      curves();
    }
  } catch {
    // Nothing is kept; the first axis it is.
  }
  axis.addEventListener("change", () => {
    try {
      localStorage.setItem(AXIS, axis.value);
    } catch {
      // This page has it, the next will not.
    }
    curves();
  });
}

chooseAxis();
connect([`run.${root.dataset.run}`], (message) => WHAT[message.event]?.(message.data), everything);
document.addEventListener("visibilitychange", () => document.hidden || everything());
setInterval(() => document.hidden || status(), ROUND_MS);
