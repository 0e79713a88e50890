"use strict";
// One page of the review queue with the keyboard alone. Without this file the form works all the same.

const form = document.getElementById("answer");
const skip = document.getElementById("skip");
const sheet = document.getElementById("sheet");
const PAUSE_MS = 150;

const fieldOf = (element) => element.closest("[data-field]")?.dataset.field;
const doubtful = () => [...form.querySelectorAll("input.value.doubtful")];
const firstOpen = () => doubtful().find((input) => !input.value.trim());

// The focused field is marked on the sheet; a click on the sheet leads to its field.
function mark(name) {
  sheet?.querySelectorAll(".now").forEach((box) => box.classList.remove("now"));
  if (name) sheet?.querySelector(`[data-field="${name}"]`)?.classList.add("now");
}

sheet?.addEventListener("click", (event) => {
  const name = event.target.dataset?.field;
  const input = name && document.getElementById(`v-${name}`);
  if (!input) return;
  const fold = input.closest("details");
  if (fold) fold.open = true;
  input.focus();
  input.select();
});

// A row's scan may be gone from the archive, or be no picture.
if (sheet instanceof HTMLImageElement) {
  const sayMissing = () => {
    document.getElementById("turn")?.remove();
    const words = document.createElement("p");
    words.className = "no-picture muted";
    words.textContent = "The scan of this sheet cannot be shown.";
    sheet.replaceWith(words);
  };
  if (sheet.complete && !sheet.naturalWidth) sayMissing();
  else sheet.addEventListener("error", sayMissing);
}

let turned = 0;
document.getElementById("turn")?.addEventListener("click", () => {
  sheet.classList.remove(`turn-${turned}`);
  turned = (turned + 1) % 4;
  if (turned) sheet.classList.add(`turn-${turned}`);
});

function choose(input, text) {
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.select();
}

function showChoice(input) {
  const set = input.closest("fieldset");
  if (!set) return;
  set.classList.toggle("done", input.value.trim() !== "");
  for (const button of set.querySelectorAll(".choice")) {
    button.setAttribute("aria-pressed", String(button.dataset.text === input.value.trim()));
  }
}

let waiting = 0;
let asked = 0;

async function check() {
  const number = ++asked;
  let found;
  try {
    const answer = await fetch(form.dataset.check, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { "X-Requested-With": "fetch" },
    });
    if (!answer.ok) return;
    found = await answer.json();
  } catch {
    return; // the server checks again when the page is saved
  }
  if (number !== asked) return;
  for (const input of form.querySelectorAll("input.value")) {
    const problem = input.value.trim() ? found.problems[fieldOf(input)] || "" : "";
    const said = document.getElementById(`said-${fieldOf(input)}`);
    if (said.textContent !== problem) said.textContent = problem;
    input.closest("[data-field]").classList.toggle("wrong", problem !== "");
    if (problem) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  const objections = document.getElementById("objections");
  objections.hidden = found.objections.length === 0;
  objections.querySelector("ul").replaceChildren(
    ...found.objections.map((words) => Object.assign(document.createElement("li"), { textContent: words })),
  );
  document.getElementById("sums").textContent = found.sums_hold ? "The sums hold." : "";
}

let saving = false;

function save() {
  const open = firstOpen();
  if (open) {
    document.getElementById(`said-${fieldOf(open)}`).textContent = "Still open: write the value, or choose one.";
    open.focus();
    return;
  }
  if (saving) return;
  saving = true;
  clearTimeout(waiting);
  document.getElementById("accept").disabled = true;
  HTMLFormElement.prototype.submit.call(form);
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  form.addEventListener("input", (event) => {
    const input = event.target;
    if (input.classList.contains("value")) {
      showChoice(input);
      if (input.dataset.read !== undefined) {
        input.closest(".clear").classList.toggle("changed", input.value.trim() !== input.dataset.read);
      }
      // What was objected to is not what stands there now: the server asks anew.
      form.querySelector("input[name=confirmed]")?.remove();
    }
    clearTimeout(waiting);
    waiting = setTimeout(check, PAUSE_MS);
  });
  form.addEventListener("focusin", (event) => {
    mark(fieldOf(event.target));
    event.target.closest("fieldset")?.scrollIntoView({ block: "nearest" });
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest(".choice");
    if (!button) return;
    const input = button.closest("fieldset").querySelector("input.value");
    choose(input, button.dataset.text);
    input.focus();
  });
  form.addEventListener("keydown", (event) => {
    const input = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && input.tagName === "INPUT") {
      event.preventDefault();
      if (!event.repeat) save();
      return;
    }
    if (!input.classList?.contains("doubtful")) return;
    const button = [...input.closest("fieldset").querySelectorAll(".choice")].find(
      (one) => one.dataset.key === event.key.toLowerCase(),
    );
    if (button) {
      event.preventDefault();
      choose(input, button.dataset.text);
    }
  });
  doubtful().forEach(showChoice);
  mark(document.activeElement && fieldOf(document.activeElement));
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && skip && !event.repeat) {
    event.preventDefault();
    window.location.assign(skip.href);
  }
});

// Going back to a page that was left: what it says may be decided by now.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});
