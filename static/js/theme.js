// Light, dark, or as the system says. A classic script in <head>: it runs before the first paint.
(() => {
  const KEY = "efm-theme";
  const CHOICES = ["auto", "light", "dark"];
  const system = matchMedia("(prefers-color-scheme: dark)");

  function stored() {
    try {
      const choice = localStorage.getItem(KEY);
      return CHOICES.includes(choice) ? choice : "auto";
    } catch {
      return "auto"; // storage is refused, e.g. in a private window
    }
  }

  function keep(choice) {
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // It still holds for this page.
    }
  }

  function apply(choice) {
    const root = document.documentElement;
    root.dataset.themeChoice = choice;
    root.dataset.theme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.setAttribute("aria-label", `Theme: ${choice}`);
      button.title = `Theme: ${choice}`;
      for (const icon of button.querySelectorAll("[data-theme-icon]")) {
        icon.hidden = icon.dataset.themeIcon !== choice;
      }
    }
    document.dispatchEvent(new CustomEvent("efm:theme", { detail: root.dataset.theme }));
  }

  apply(stored());
  system.addEventListener("change", () => apply(document.documentElement.dataset.themeChoice));
  addEventListener("storage", (event) => event.key === KEY && apply(stored()));
  document.addEventListener("DOMContentLoaded", () => apply(stored()));
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const now = document.documentElement.dataset.themeChoice;
    const next = CHOICES[(CHOICES.indexOf(now) + 1) % CHOICES.length];
    keep(next);
    apply(next);
  });
})();
