// The form of a task: choosing the embodiment brings its defaults, and the longest episode is said in seconds.

const form = document.querySelector("[data-task-form]");
const defaults = JSON.parse(document.getElementById(form.dataset.defaults).textContent);
const touched = new Set();

function fill() {
  for (const [name, value] of Object.entries(defaults[form.elements.embodiment.value] ?? {})) {
    const control = form.elements[name];
    if (control && !touched.has(name)) control.value = value;
  }
  // Other limits stand on another form: the server draws it.
  const known = Object.keys(defaults[form.elements.embodiment.value] ?? {});
  if (known.some((name) => !form.elements[name])) {
    const url = new URL(location.href);
    url.searchParams.set("embodiment", form.elements.embodiment.value);
    location.assign(url);
  }
  say();
}

function say() {
  const place = form.querySelector("[data-episode-seconds]");
  const seconds = Number(form.elements.horizon.value) / Number(form.elements.control_hz.value);
  const text = Number.isFinite(seconds) && seconds > 0 ? `The longest episode lasts ${seconds.toPrecision(3).replace(/\.?0+$/, "")} s.` : "";
  place.textContent = text;
  place.hidden = !text;
}

form.addEventListener("input", (event) => {
  touched.add(event.target.name);
  say();
});
form.elements.embodiment.addEventListener("change", fill);
say();
