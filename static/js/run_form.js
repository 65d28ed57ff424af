// The form of a new run: choosing a preset fills its settings in, and settings that depart from it are marked.

const form = document.querySelector("[data-run-form]");

function start() {
  const presets = JSON.parse(document.getElementById(form.dataset.presets).textContent);
  const shown = form.elements.shown_preset;
  const note = form.querySelector("[data-departures]");
  const valueOf = (control) => (control.type === "checkbox" ? control.checked : control.value);

  const same = (control, value) =>
    valueOf(control) === value || (control.type === "number" && control.value !== "" && value !== "" && Number(control.value) === Number(value));

  function mark() {
    let count = 0;
    for (const [name, value] of Object.entries(presets[shown.value].values)) {
      const control = form.elements[name];
      const departs = !same(control, value);
      control.closest(".field").toggleAttribute("data-departs", departs);
      if (departs) count += 1;
    }
    note.textContent = count ? `${count} ${count === 1 ? "departs" : "depart"} from the preset` : "as the preset says";
  }

  function fill(preset) {
    shown.value = preset;
    for (const [name, value] of Object.entries(presets[preset].values)) {
      const control = form.elements[name];
      if (control.type === "checkbox") control.checked = value;
      else control.value = value;
    }
    mark();
    const asked = ask();
    if (asked) asked.scrollIntoView({ block: "center" });
  }

  // What the preset leaves to a person has to be filled in; gives the first such control, in view.
  function ask() {
    const asked = presets[shown.value].asks.map((name) => form.elements[name]);
    for (const control of form.querySelectorAll("[data-asked]")) if (!asked.includes(control)) release(control);
    for (const control of asked) {
      control.required = true;
      control.dataset.asked = "";
      control.closest("details").open = true;
    }
    return asked[0];
  }

  function release(control) {
    control.required = false;
    delete control.dataset.asked;
  }

  form.addEventListener("change", (event) => {
    if (event.target.name === "preset") fill(event.target.value);
  });
  form.addEventListener("input", mark);
  // A setting that the browser refuses must be seen to be mended.
  form.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), { capture: true });
  mark();
  ask();
  watchCost();
}

// An estimate stands for the form as it was: what cannot fit is not launched until something changes.
function watchCost() {
  const launch = form.querySelector("[data-launch]");
  let outdated = null; // the estimate since which the form has changed

  function settle() {
    const cost = document.getElementById("cost");
    if (outdated && cost.dataset.estimate === outdated) {
      cost.removeAttribute("data-problem");
      cost.querySelector("[data-stale]")?.removeAttribute("hidden");
    }
    const refused = cost.hasAttribute("data-problem");
    launch.disabled = refused;
    launch.title = refused ? cost.querySelector("[role=alert]").textContent.trim() : "";
  }

  function change(event) {
    const cost = document.getElementById("cost");
    if (event.target.name === "name" || !cost.dataset.estimate) return;
    outdated = cost.dataset.estimate;
    settle();
  }

  form.addEventListener("input", change);
  form.addEventListener("change", change);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb === "post") outdated = null;
  });
  document.addEventListener("htmx:afterSettle", settle);
  settle();
}

if (form) start();
