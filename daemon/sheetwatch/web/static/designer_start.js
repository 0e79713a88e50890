"use strict";
// Begin a draft: upload the blank, or the filled sheets, and have the boxes found.

const start = document.getElementById("start");
const files = document.getElementById("files");
const progress = document.getElementById("progress");
const startSaid = document.getElementById("start-said");
const go = document.getElementById("go");

const way = () => start.elements.way.value;

function showWay() {
  files.multiple = way() === "learn";
  document.getElementById("which-page").hidden = way() === "learn";
}

function nameOf(file) {
  const stem = file.name.replace(/\.[^.]*$/, "").toLowerCase();
  return stem.replace(/[^a-z0-9]+/g, "-").slice(0, 40).replace(/^-+|-+$/g, "") || "form";
}

/** Resolves to the address of the new draft, or throws an Error with what went wrong. */
async function begin() {
  const csrf = start.elements.csrf.value;
  const chosen = [...files.files];
  const begun = await post(start.dataset.begin, { csrf });
  if (!begun.ok) throw new Error(begun.problem);
  for (const [index, file] of chosen.entries()) {
    const show = (share) => { progress.value = (index + share) / chosen.length; };
    const problem = await uploadFile(`${begun.url}/upload`, csrf, index, file, show);
    if (problem) throw new Error(problem);
  }
  go.textContent = way() === "learn" ? "Learning what is printed\u2026" : "Looking for boxes\u2026";
  const page = document.getElementById("page").value || 1;
  const found = await post(`${begun.url}/${way()}`, { csrf, page, name: nameOf(chosen[0]) });
  if (!found.ok) throw new Error(found.problem);
  return found.url;
}

start.addEventListener("change", showWay);
start.addEventListener("submit", async (event) => {
  event.preventDefault();
  startSaid.textContent = "";
  if (files.files.length > Number(start.dataset.most)) {
    startSaid.textContent = `At most ${start.dataset.most} files; twenty are enough.`;
    return;
  }
  go.disabled = true;
  progress.hidden = false;
  try {
    window.location.assign(await begin());
  } catch (error) {
    startSaid.textContent = error.message;
    go.disabled = false;
    go.textContent = "Find the boxes";
    progress.hidden = true;
  }
});
showWay();
