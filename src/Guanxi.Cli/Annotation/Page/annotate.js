// Labelling by keyboard. The server keeps everything: a page that is closed at any moment has lost nothing.
import { announce, byId, make, percent, request, save, say, ServerProblem, showSentence, speak, tell } from "./common.js";
import { words } from "./annotate-words.js";

/**
 * @typedef {object} Row
 * @property {number} number
 * @property {string} text
 * @property {string} people1
 * @property {string} people2
 * @property {[number, number]} people1_span
 * @property {[number, number]} people2_span
 * @property {string | null} given_label Label of the data.
 * @property {string | null} label
 * @property {boolean} skipped
 * @property {string} note
 * @property {number} revision
 * @property {string | null} suggested_label
 * @property {string | null} suggestion JSON: probabilities by label, or a text that says why there are none.
 */

const keys = [..."123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const pollMilliseconds = 700;

// The history of changes knows which tab made them; a reload keeps the name.
const tab = sessionStorage.getItem("guanxi-tab") ?? Math.random().toString(36).slice(2);
sessionStorage.setItem("guanxi-tab", tab);

/** @type {any} */
let state;
/** @type {Row} */
let row;

/** What runs now, and whether another row may come of it. @type {Promise<void> | null} */
let current = null;
let changesRow = false;

let poll = 0;

/**
 * Runs one thing at a time. What is pressed while another row comes was not meant for a row that nobody has seen yet: it is dropped,
 * unless it is not about the row that is shown.
 * @param {() => Promise<void>} action
 * @param {{waits?: boolean, changes?: boolean}} [kind]
 */
async function exclusively(action, { waits = false, changes = true } = {}) {
  while (current) {
    if (!waits && changesRow) {
      return;
    }
    await current;
  }
  changesRow = changes;
  current = action().catch(problem => tell(problem instanceof ServerProblem ? problem.message : say("unreachable"), "bad")).finally(() => {
    current = null;
  });
  await current;
}

/** @param {any} answer */
function take(answer) {
  state.progress = answer.progress;
  state.model_problem = answer.model_problem;
  if (answer.row) {
    row = answer.row;
    draw();
  } else {
    drawProgress();
  }
}

/** @param {number} step 0 stays. @param {number} [from] @param {boolean} [quietly] */
async function go(step, from = row.number, quietly = false) {
  const answer = await (await request("api/go", { from, step, filter: state.filter })).json();
  take(answer);
  if (answer.row) {
    announce(say("announceRow", { number: row.number, rows: state.progress.rows, text: row.text }));
    byId("note").blur();
  } else if (!quietly) {
    tell(say(step === 0 ? "noSuchRow" : state.filter === "unlabelled" ? "allDone" : step > 0 ? "atEnd" : "atStart"), state.filter === "unlabelled" && step !== 0 ? "good" : "warn");
  }
  return Boolean(answer.row);
}

/** Writes what is said of the row. @param {Partial<Row>} change @returns {Promise<boolean>} Whether it was written. */
async function put(change) {
  const mark = { label: row.label, skipped: row.skipped, note: byId("note").value, revision: row.revision, tab, ...change };
  try {
    take(await (await request(`api/rows/${row.number}`, mark)).json());
    tell("");
    return true;
  } catch (problem) {
    if (!(problem instanceof ServerProblem && problem.status === 409)) {
      throw problem;
    }
    // Another tab was faster: show what it wrote and let the reader decide.
    const note = byId("note").value;
    take(problem.body);
    tell(say("changedElsewhere", { number: row.number }));
    if (note && note !== row.note) {
      byId("note").value = note;
    }
    return false;
  }
}

/** @param {string} label */
const choose = label => exclusively(async () => {
  if (await put({ label, skipped: false })) {
    announce(say("announceLabel", { label }));
    const wasLast = !await go(1, row.number, true);
    if (wasLast) {
      tell(say(state.progress.labelled + state.progress.skipped >= state.progress.rows ? "allDone" : "atEnd"), "good");
    }
  }
});

const clear = () => exclusively(async () => {
  await put({ label: null, skipped: false });
});

const skip = () => exclusively(async () => {
  if (await put({ label: row.label, skipped: !row.skipped }) && row.skipped) {
    await go(1);
  }
});

const saveNote = () => exclusively(async () => {
  if (byId("note").value !== row.note) {
    await put({});
  }
}, { waits: true, changes: false });

const undo = () => exclusively(async () => {
  try {
    const answer = await (await request("api/undo", { tab })).json();
    if (answer.row) {
      take(answer);
      await request("api/go", { from: row.number, step: 0, filter: state.filter });
      tell(say("undone", { number: row.number }), "good");
    } else {
      tell(say("nothingToUndo"));
    }
  } catch (problem) {
    if (!(problem instanceof ServerProblem && problem.status === 409)) {
      throw problem;
    }
    take(problem.body);
    tell(say("changedElsewhere", { number: row.number }));
  }
}, { waits: true });

const step = direction => exclusively(async () => {
  if (byId("note").value === row.note || await put({})) {
    tell("");
    await go(direction);
  }
});

const exportRows = () => exclusively(async () => {
  const response = await request(`api/export?form=${byId("form").value}`);
  const name = decodeURIComponent(response.headers.get("Content-Disposition").split("''")[1]);
  save(name, await response.blob());
  tell(say("exported", { rows: response.headers.get("X-Rows"), left: response.headers.get("X-Rows-Left-Out") }), "good");
}, { waits: true, changes: false });

function drawProgress() {
  const { rows, labelled, skipped, suggested, disagreeing } = state.progress;
  byId("progress-words").textContent = say("progress", { rows, labelled, skipped });
  byId("progress-bar").style.width = `${100 * labelled / Math.max(1, rows)}%`;
  byId("model-words").textContent = state.model_problem ? say("modelFailed", { problem: state.model_problem })
    : !state.has_model ? "" : suggested < rows ? say("modelWorks", { suggested, rows }) : say("modelDone", { disagreeing });
}

function drawChoices() {
  const probabilities = row.suggestion && row.suggested_label ? JSON.parse(row.suggestion) : {};
  const choices = byId("choices");
  const focused = [...choices.children].findIndex(choice => choice.matches(":focus-visible"));
  choices.replaceChildren(...state.labels.map((label, at) => {
    const share = probabilities[label];
    const fill = make("span", { class: "fill", "aria-hidden": "true" });
    fill.style.width = `${100 * (share ?? 0)}%`;
    return make("button", {
      type: "button", class: `choice${label === row.suggested_label ? " best" : ""}`, "aria-pressed": String(label === row.label),
      "aria-keyshortcuts": keys[at] ?? null, click: () => choose(label),
    }, keys[at] ? make("kbd", {}, keys[at]) : "", make("span", { class: "name" }, label),
    share === undefined ? "" : make("span", { class: "share" }, percent(share)), fill);
  }));
  choices.children[focused]?.focus();
  byId("accept").hidden = !row.suggested_label;
}

function draw() {
  byId("row-heading").textContent = say("row", { number: row.number, rows: state.progress.rows });
  showSentence(byId("sentence"), row.text, row.people1_span, row.people2_span);
  byId("people").replaceChildren(
    make("span", {}, make("span", { class: "badge one" }, "1"), make("b", {}, row.people1)),
    make("span", {}, make("span", { class: "badge two" }, "2"), make("b", {}, row.people2)));
  const given = row.given_label && row.given_label !== row.label ? say("given", { label: row.given_label }) : "";
  byId("state").replaceChildren(
    row.skipped ? make("span", {}, say("isSkipped")) : row.label ? make("span", { class: "chosen" }, `✓ ${row.label}`) : make("span", { class: "quiet" }, say("isOpen")),
    given ? make("span", { class: "quiet" }, ` · ${given}`) : "");
  byId("note").value = row.note;
  byId("skip").setAttribute("aria-pressed", String(row.skipped));
  byId("jump").placeholder = String(row.number);
  drawChoices();
  drawProgress();
  pollSoon();
}

/** Looks again for what the model says, as long as it has more to say. */
function pollSoon() {
  clearTimeout(poll);
  if (state.has_model && state.progress.suggested < state.progress.rows && !state.model_problem) {
    poll = setTimeout(lookForSuggestion, pollMilliseconds);
  }
}

/** The model works in the background; only what it says is taken over, nothing that is being typed. */
async function lookForSuggestion() {
  const number = row.number;
  try {
    const answer = await (await request(`api/rows/${number}`)).json();
    if (!current && row.number === number) {
      state.progress = answer.progress;
      state.model_problem = answer.model_problem;
      drawProgress();
      if (row.suggestion !== answer.row.suggestion) {
        // Only then: a button that is drawn anew under a finger would not be pressed.
        row.suggestion = answer.row.suggestion;
        row.suggested_label = answer.row.suggested_label;
        drawChoices();
      }
    }
  } catch {
    // The server may be gone for a moment; the next look or key will tell.
  }
  pollSoon();
}

/** @param {KeyboardEvent} event */
function press(event) {
  const inField = event.target instanceof HTMLElement && event.target.matches("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape" && inField) {
    event.target.blur();
    return;
  }
  if (event.isComposing || event.altKey || (inField && event.target.id !== "choices")) {
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.shiftKey) {
    event.preventDefault();
    undo();
    return;
  }
  if (event.ctrlKey || event.metaKey || !byId("keys").checked || event.repeat) {
    return;
  }
  const onButton = event.target instanceof HTMLElement && event.target.matches("button, a, input");
  const label = state.labels[keys.indexOf(event.key)];
  const action = event.key === "ArrowRight" ? () => step(1)
    : event.key === "ArrowLeft" ? () => step(-1)
    : event.key === "Delete" ? clear
    : event.key === "/" ? () => byId("note").focus()
    : event.key === " " && !onButton ? skip
    : event.key === "Enter" && !onButton && row.suggested_label ? () => choose(row.suggested_label)
    : label && keys.includes(event.key) ? () => choose(label)
    : null;
  if (action) {
    event.preventDefault();
    action();
  }
}

function jump() {
  const number = Number(byId("jump").value);
  byId("jump").value = "";
  exclusively(async () => {
    tell("");
    await go(0, Number.isInteger(number) ? number : -1);
  }, { waits: true });
}

async function start() {
  state = await (await request("api/state")).json();
  byId("data").textContent = state.data;
  byId("filter").value = state.filter;
  byId("filter").querySelector("[value=disagreeing]").disabled = !state.has_model && state.progress.suggested === 0;
  byId("form").append(...state.forms.map(form => make("option", { value: form }, form)));
  await go(0, state.position);
  byId("filter").addEventListener("change", () => exclusively(async () => {
    state.filter = byId("filter").value;
    byId("filter").blur();
    tell("");
    await go(0);
  }, { waits: true }));
  for (const [id, action] of /** @type {[string, () => void][]} */ ([
    ["previous", () => step(-1)], ["next", () => step(1)], ["skip", skip], ["undo", undo], ["export", exportRows], ["go", jump],
    ["accept", () => choose(row.suggested_label)]])) {
    byId(id).addEventListener("click", action);
  }
  byId("jump").addEventListener("keydown", event => event.key === "Enter" && jump());
  byId("note").addEventListener("change", saveNote);
  document.addEventListener("keydown", press);
}

speak(words, () => row && draw());
start().catch(() => tell(say("unreachable"), "bad"));
