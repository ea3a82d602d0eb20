// A click on a variable puts its name into the formula, where the cursor is; the formula is marked as long as it has a fault.
"use strict";

document.addEventListener("click", function (event) {
  const button = event.target.closest("[data-insert]");
  if (!button) {
    return;
  }
  const formula = document.getElementById("formula");
  formula.setRangeText(button.dataset.insert, formula.selectionStart, formula.selectionEnd, "end");
  formula.focus();
  formula.dispatchEvent(new Event("input", { bubbles: true }));
});

document.addEventListener("htmx:afterSettle", function () {
  const fault = document.querySelector("#check .marked") !== null;
  document.getElementById("formula").setAttribute("aria-invalid", String(fault));
});
