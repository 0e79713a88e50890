"use strict";
// Undo by key, and the seconds that are left for it. Without this file the buttons work all the same.

const undo = document.getElementById("undo");

// What somebody is typing is theirs to undo first.
const isTyping = (element) => "defaultValue" in element && element.value !== element.defaultValue;

document.addEventListener("keydown", (event) => {
  if (!undo || event.repeat || event.altKey) return;
  const key = event.key.toLowerCase();
  const control = event.ctrlKey || event.metaKey;
  const wanted = control ? key === "z" && !event.shiftKey && !isTyping(event.target) : key === "u" && event.target.tagName !== "SELECT";
  if (!wanted) return;
  event.preventDefault();
  undo.requestSubmit();
});

const began = performance.now();

function tick() {
  const passed = Math.floor((performance.now() - began) / 1000);
  for (const left of document.querySelectorAll("[data-left-s]")) {
    const rest = Math.max(0, left.dataset.leftS - passed);
    left.textContent = rest ? `for ${rest} s` : "being carried out";
  }
}

if (undo) setInterval(tick, 1000);
