// A page that stays true: its parts are fetched again when an event says that rows have changed.
//   <div data-live="overview" data-live-events="run_changed dataset_changed" data-live-task="3" data-live-every="15">
// `data-live-task`, `data-live-dataset` and `data-live-checkpoint` pass over events about others. A part that carries `data-reload-key` and changes it
// asks for the whole page: something came or went that cannot be patched in.

import { connect } from "efm/events";
import { atMostEvery, refresh } from "efm/refresh";

const LEAST_MS = 1000;

function start(root) {
  const { live, liveEvents, liveTask, liveDataset, liveCheckpoint, liveEvery } = root.dataset;
  const kinds = new Set(liveEvents.split(" "));
  const key = document.querySelector("[data-reload-key]")?.dataset.reloadKey;

  const update = atMostEvery(LEAST_MS, async () => {
    if (document.hidden) return;
    const parts = await refresh(location.href);
    const changed = parts.find((part) => part.dataset.reloadKey !== undefined && part.dataset.reloadKey !== key);
    if (changed) location.reload();
  });
  const concerns = ({ event, data }) =>
    kinds.has(event) &&
    (!liveTask || data.task === undefined || String(data.task) === liveTask) &&
    (!liveDataset || String(data.dataset) === liveDataset) &&
    (!liveCheckpoint || String(data.checkpoint) === liveCheckpoint);

  connect([live], (message) => concerns(message) && update(), update);
  document.addEventListener("visibilitychange", () => document.hidden || update());
  if (liveEvery) setInterval(update, 1000 * Number(liveEvery));
}

const root = document.querySelector("[data-live]");
if (root) start(root);
