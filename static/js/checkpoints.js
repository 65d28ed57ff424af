// Checkpoints: keep a comparison to as many as can be told apart, submit filters when they change.

// Beyond the most that is drawn side by side, further boxes wait until one is taken back.
function limitChoice() {
  const form = document.getElementById("choice");
  if (!form) return;
  const boxes = [...form.querySelectorAll('input[name="compare"]')];
  const full = boxes.filter((box) => box.checked).length >= Number(form.dataset.most);
  for (const box of boxes) box.disabled = full && !box.checked;
}

document.addEventListener("change", (event) => {
  event.target.closest("[data-submit-on-change]")?.requestSubmit();
  limitChoice();
});
limitChoice();
