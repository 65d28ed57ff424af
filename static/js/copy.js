// <button data-copy="text">Copy</button> puts the text on the clipboard and says so.

import { toast } from "efm/toast";

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.", { kind: "success" });
  } catch {
    // Outside https and loopback browsers give pages no clipboard.
    toast("This browser does not let pages copy here; select the text instead.", { kind: "warning" });
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button.dataset.copy);
});
