"use strict";

const KEYS = { ArrowLeft: "left", ArrowRight: "right", t: "tie", b: "both_bad" };
const element = (id) => document.getElementById(id);
const buttons = () => document.querySelectorAll("footer button");

let state = null; // What the server said last.
let isWaiting = false; // For its answer to what was said.

/** Puts a text of a model or of a prompt on the page, as text and nothing else. */
function show(id, text) {
  element(id).textContent = text.trim() ? text : "(no text)";
  element(id).classList.toggle("empty", !text.trim());
}

function render() {
  const pair = state.pair;
  element("progress").max = state.num_pairs;
  element("progress").value = state.num_done;
  element("count").textContent = `${state.num_done} of ${state.num_pairs}`;
  element("question").hidden = !pair;
  element("choices").hidden = !pair;
  element("finished").hidden = !!pair;
  element("undo").disabled = !state.can_undo;
  if (pair) {
    element("category").textContent = pair.category && `(${pair.category.replaceAll("_", " ")})`;
    for (const part of ["prompt", "left", "right"]) show(part, pair[part]);
    window.scrollTo(0, 0);
  }
  // Says to whom waits for it that the page shows what the server said.
  document.body.dataset.numDone = state.num_done;
}

/** Asks the server; every answer of it but an error is the new state. */
async function ask(path, body) {
  if (isWaiting) return;
  isWaiting = true;
  for (const button of buttons()) button.disabled = true;
  element("error").hidden = true;
  try {
    const options = body && {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    };
    const response = await fetch(path, options);
    const answer = await response.json();
    if (answer.error) throw new Error(answer.error);
    state = answer;
  } catch (error) {
    const isGone = error instanceof TypeError;
    element("error").textContent = isGone
      ? "The server does not answer. Is t5lite preference serve still running? What was judged is saved."
      : error.message;
    element("error").hidden = false;
  }
  isWaiting = false;
  for (const button of buttons()) button.disabled = false;
  if (state) render();
}

function choose(choice) {
  if (state && state.pair) ask("/judgment", { pair: state.pair.digest, choice });
}

function undo() {
  if (state && state.can_undo) ask("/undo", { num_done: state.num_done });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key in KEYS) choose(KEYS[key]);
  else if (key === "u") undo();
  else return;
  event.preventDefault();
});
for (const button of document.querySelectorAll("[data-choice]")) {
  button.addEventListener("click", () => choose(button.dataset.choice));
}
element("undo").addEventListener("click", undo);
ask("/state");
