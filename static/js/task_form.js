// The form of a task: choosing the robot brings its defaults, except where a person has written something; goals are counted, and the
// longest episode is said in seconds. Its limits come from the server (htmx).

const form = document.querySelector("[data-task-form]");
const defaults = JSON.parse(document.getElementById(form.dataset.defaults).textContent);
const touched = new Set();

function fill() {
  for (const [name, value] of Object.entries(defaults[form.elements.embodiment.value] ?? {})) {
    const control = form.elements[name];
    if (control && !touched.has(name)) control.value = value;
  }
  say();
}

function say() {
  const lines = form.elements.instructions.value.split("\n").filter((line) => line.trim());
  const count = form.querySelector("[data-instruction-count]");
  count.textContent = lines.length === 1 ? "1 instruction" : `${lines.length} instructions`;
  const place = form.querySelector("[data-episode-seconds]");
  const seconds = Number(form.elements.horizon.value) / Number(form.elements.control_hz.value);
  const text = Number.isFinite(seconds) && seconds > 0 ? `The longest episode lasts ${seconds.toPrecision(3).replace(/\.?0+$/, "")} s.` : "";
  place.textContent = text;
  place.hidden = !text;
}

form.addEventListener("input", (event) => {
  if (event.target.name !== "embodiment") touched.add(event.target.name);
  say();
});
form.addEventListener("change", (event) => event.target.name === "embodiment" && fill());
say();
