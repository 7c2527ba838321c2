// What scrolls sideways says so, and can be scrolled with the keyboard.
"use strict";

(() => {
  const CANDIDATES = ".scroll-x, .pst-scrollable-table-container, .cell_output .output, pre, div.math, .math";

  const mark = (element) => {
    const overflow = getComputedStyle(element).overflowX;
    const cut = (overflow === "auto" || overflow === "scroll") && element.scrollWidth > element.clientWidth;
    if (cut === element.classList.contains("scrolls")) return;
    element.classList.toggle("scrolls", cut);
    if (cut) {
      element.tabIndex = 0;
      element.setAttribute("role", "group");
      element.setAttribute("aria-label", "Scrolls sideways");
      const cue = document.createElement("p");
      cue.className = "scroll-cue";
      cue.setAttribute("aria-hidden", "true");
      cue.textContent = "↔ scrolls sideways";
      element.before(cue);
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) element.removeAttribute(name);
      if (element.previousElementSibling?.classList.contains("scroll-cue")) element.previousElementSibling.remove();
    }
  };

  // Asked of each by its own size: at the window's event, the theme's layout may not have come to rest.
  const observer = new ResizeObserver((changed) => changed.forEach(({ target }) => mark(target)));
  const candidates = [...document.querySelectorAll(CANDIDATES)];
  candidates.forEach((element) => observer.observe(element));
  window.addEventListener("load", () => candidates.forEach(mark));
})();
