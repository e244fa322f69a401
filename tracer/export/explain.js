"use strict";
// Folding to a depth, and showing where one owner is called. The page is complete without it.
for (const button of document.querySelectorAll("button[data-depth]")) {
  button.addEventListener("click", () => {
    for (const part of document.querySelectorAll("details[data-depth]")) {
      part.open = Number(part.dataset.depth) < Number(button.dataset.depth);
    }
  });
}

const rows = [...document.querySelectorAll(".loop-tree .row.call")];
let picked = null;
document.querySelector(".loop-tree")?.addEventListener("click", (event) => {
  const chip = event.target.closest(".chip");
  if (!chip) return;
  event.preventDefault();
  picked = picked === chip.textContent ? null : chip.textContent;
  for (const row of rows) {
    const chips = [...row.querySelectorAll(".chip")];
    for (const one of chips) one.classList.toggle("picked", one.textContent === picked);
    row.classList.toggle("unpicked", picked !== null && !chips.some((one) => one.textContent === picked));
  }
});
