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
    for (const [name, value] of Object.entries(presets[shown.value])) {
      const control = form.elements[name];
      const departs = !same(control, value);
      control.closest(".field").toggleAttribute("data-departs", departs);
      if (departs) count += 1;
    }
    note.textContent = count ? `${count} ${count === 1 ? "departs" : "depart"} from the preset` : "as the preset says";
  }

  function fill(preset) {
    shown.value = preset;
    for (const [name, value] of Object.entries(presets[preset])) {
      const control = form.elements[name];
      if (control.type === "checkbox") control.checked = value;
      else control.value = value;
    }
    mark();
  }

  form.addEventListener("change", (event) => {
    if (event.target.name === "preset") fill(event.target.value);
  });
  form.addEventListener("input", mark);
  // A setting that the browser refuses must be seen to be mended.
  form.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), { capture: true });
  mark();
}

if (form) start();
