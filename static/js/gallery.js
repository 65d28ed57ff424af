// The gallery of the visual language: made-up values in every live part.

import { confirmDialog } from "efm/dialog";
import { updateTile } from "efm/tile";
import { toast } from "efm/toast";

const falling = JSON.parse(document.getElementById("gallery-falling").textContent);
const probs = Array.from({ length: 40 }, (_, i) => Math.exp(-(((i - 12) / 5) ** 2)));
const centres = probs.map((_, i) => 2.5 * i);
const ages = { live: 90, stale: 4200, waiting: null, stopped: 61_000 };

function news(state, at) {
  if (state === "waiting") return { state, ageMs: null };
  const history = falling.slice(0, at);
  const last = history.at(-1);
  return {
    step: at, horizon: 100, distance: last, spread: last / 6, history, threshold: 4, detector: last < 4.5, success: last < 3.5,
    instruction: "go to the red corner", state, ageMs: ages[state], probs, centres,
  };
}

document.querySelectorAll("[data-gallery-wall] .tile").forEach((tile, i) => updateTile(tile, news(tile.dataset.state, 78 - 11 * i)));
updateTile(document.querySelector("[data-tile-focus]"), news("live", 30));

document.querySelector("[data-gallery-toast]").addEventListener("click", () => {
  toast("Run 3 is paused after iteration 41.", { kind: "success" });
  toast("The connection to the worker broke.", { kind: "danger" });
});
document.querySelector("[data-gallery-confirm]").addEventListener("click", () => {
  confirmDialog({ title: "Stop run 3?", text: "It keeps its best checkpoint and can be resumed.", action: "Stop the run", danger: true });
});
for (const form of document.querySelectorAll("[data-gallery-form]")) form.addEventListener("submit", (event) => event.preventDefault());
