// The list of episodes: its filters; and choosing rows for a bulk approval, by mouse, by Shift-click over a span, or with x on the selected row.

import { register } from "efm/keys";

let last = null;

const form = () => document.querySelector("[data-bulk]");
const boxes = () => [...(form()?.querySelectorAll('input[name="episode"]') ?? [])];

function paint() {
  const all = boxes();
  const chosen = all.filter((box) => box.checked).length;
  const bar = form()?.querySelector("[data-bulk-bar]");
  if (!bar) return;
  bar.querySelector("[data-bulk-count]").textContent = chosen;
  bar.toggleAttribute("data-active", chosen > 0);
  for (const button of bar.querySelectorAll("button")) button.disabled = chosen === 0;
  const head = form().querySelector("[data-bulk-all]");
  head.checked = chosen > 0 && chosen === all.length;
  head.indeterminate = chosen > 0 && chosen < all.length;
}

function choose(box, event) {
  const all = boxes();
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const each of all.slice(from, to + 1)) each.checked = box.checked;
  }
  last = box;
}

document.addEventListener("click", (event) => {
  if (event.target.matches?.('input[name="episode"]')) choose(event.target, event);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-bulk-all]")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  paint();
});
document.addEventListener("htmx:load", paint);
register({
  keys: "x",
  label: "Choose the selected row",
  group: "List",
  run: () => {
    const box = document.querySelector('[aria-selected="true"] input[name="episode"]');
    if (box) box.checked = !box.checked;
    paint();
  },
});
paint();

// The filters are drawn anew with the rows: those that a person has unfolded stay so, and the focus stays on the one just changed.
let unfolded = null;
document.addEventListener("htmx:beforeSwap", () => {
  unfolded = document.getElementById("more-filters")?.open ? document.activeElement.id : null;
});
document.addEventListener("htmx:afterSwap", () => {
  const more = document.getElementById("more-filters");
  if (unfolded === null || !more) return;
  more.open = true;
  if (unfolded) document.getElementById(unfolded)?.focus({ preventScroll: true });
});
