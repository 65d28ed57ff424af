// Corrections: "from here" and "to here" write the frame that the player shows into the fields of the trim.

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-trim-here]");
  if (!button) return;
  button.form.elements[button.dataset.trimHere].value = document.querySelector("[data-replay-scrub]").value;
});
