// One sentence and two names in, the relation and its distribution out.
import { announce, byId, make, percent, request, say, ServerProblem, showSentence, speak, tell } from "./common.js";
import { drawBatch, takeFiles } from "./batch.js";
import { guessNames, mentions } from "./names.js";
import { examples, words } from "./classify-words.js";

const shortList = 5;
const loadingMilliseconds = 1500;
const keyName = "guanxi-api-key";

/** Mentions that the reader pointed at; null leaves the choice to the server. @type {([number, number] | null)[]} */
const spans = [null, null];

/** The last question and its answer. @type {{item: any, answer: any, model: string, milliseconds: number} | null} */
let last = null;
let showsAll = false;
/** @type {string[]} */
let labels = [];

/** @param {string} path @param {any} [body] */
async function ask(path, body) {
  const key = sessionStorage.getItem(keyName);
  try {
    return await request(path, body, key ? { Authorization: `Bearer ${key}` } : {});
  } catch (problem) {
    if (problem instanceof ServerProblem && problem.status === 401) {
      byId("key-form").hidden = false;
    }
    throw problem;
  }
}

/** @param {unknown} problem */
const tellProblem = problem => tell(problem instanceof ServerProblem
  ? problem.status === 401 ? say("needsKey") : problem.status === 429 ? say("busy") : problem.message
  : say("unreachable"), "bad");

const field = person => byId(`people${person}`);

/** Which mention of a person is meant, as far as the page can know; the server chooses likewise. @param {1 | 2} person */
function meant(person) {
  const text = byId("text").value;
  const name = field(person).value;
  const span = spans[person - 1];
  if (span && text.slice(...span) === name) {
    return span;
  }
  const places = mentions(text, name);
  const other = field(3 - person).value;
  const taken = other.length > name.length || (other === name && person === 2) ? mentions(text, other) : [];
  const avoided = other === name ? taken.slice(0, 1) : taken;
  return places.find(([start, end]) => !avoided.some(([from, to]) => start < to && from < end)) ?? places[0] ?? null;
}

function drawPreview() {
  const text = byId("text").value;
  const [first, second] = [meant(1), meant(2)];
  const others = /** @type {(1 | 2)[]} */ ([1, 2]).flatMap(person => mentions(text, field(person).value)
    .filter(([at, end]) => ![first, second].some(span => span && at < span[1] && span[0] < end))
    .map(([at, end]) => ({ at, end, person, choose: () => setPerson(person, text.slice(at, end), [at, end]) })));
  byId("text").lang = byId("preview").lang = /[\u2e80-\uffff]/.test(text) ? "zh-CN" : "";
  showSentence(byId("preview"), text, first, second, others);
  byId("preview-box").hidden = !text || !(first || second);
  byId("preview-words").textContent = say(others.length > 0 ? "previewOthers" : "preview");
  const names = guessNames(text).filter(name => name !== field(1).value && name !== field(2).value);
  byId("names").replaceChildren(...names.map(name => make("button", { type: "button", class: "chip", click: () => setPerson(field(1).value ? 2 : 1, name, null) }, name)));
  byId("suggested").hidden = names.length === 0 || Boolean(field(1).value && field(2).value);
}

/** @param {1 | 2} person @param {string} name @param {[number, number] | null} span */
function setPerson(person, name, span) {
  field(person).value = name;
  spans[person - 1] = span;
  drawPreview();
  announce(say(person === 1 ? "isFirst" : "isSecond", { name }));
}

/** Takes what is selected in the text, without the white space around it. @param {1 | 2} person */
function pick(person) {
  const { value, selectionStart, selectionEnd } = byId("text");
  const selected = value.slice(selectionStart, selectionEnd);
  const start = selectionStart + selected.length - selected.trimStart().length;
  const name = selected.trim();
  if (!name) {
    tell(say("selectFirst"));
    byId("text").focus();
    return;
  }
  tell("");
  setPerson(person, name, [start, start + name.length]);
}

function question() {
  const item = { text: byId("text").value, people1: field(1).value, people2: field(2).value };
  spans.forEach((span, at) => {
    if (span && item.text.slice(...span) === field(at + 1).value) {
      item[`people${at + 1}_span`] = span;
    }
  });
  return item;
}

async function classify() {
  const item = question();
  if (!item.text.trim() || !(/<e[12]>/.test(item.text) || (item.people1 && item.people2))) {
    tell(say("incomplete"));
    return;
  }
  if (!item.people1 && !item.people2) {
    delete item.people1;
    delete item.people2;
  }
  const missing = [item.people1, item.people2].find(name => name && !item.text.includes(name));
  if (missing) {
    tell(say("notInText", { name: missing }));
    return;
  }
  byId("classify").disabled = true;
  try {
    const { items, model, milliseconds } = await (await ask("v1/classify", item)).json();
    last = { item, answer: items[0], model, milliseconds };
    showsAll = false;
    tell("");
    byId("sent").textContent = "";
    drawAnswer();
    announce(say("announceAnswer", { label: items[0].label, share: percent(items[0].confidence) }));
    if (matchMedia("(max-width: 860px)").matches) {
      byId("answer-heading").scrollIntoView();
    }
  } catch (problem) {
    tellProblem(problem);
  } finally {
    byId("classify").disabled = false;
  }
}

/** @param {string} warning @returns {string} */
function explain(warning) {
  const field = warning.match(/people[12]/)?.[0];
  return warning.startsWith("ambiguous_mention") ? say("warnAmbiguous", { name: last.item[field] ?? "" })
    : warning.startsWith("low_confidence") ? say("warnLow")
    : warning.startsWith("truncated") ? say("warnTruncated")
    : warning;
}

function drawAnswer() {
  if (!last) {
    return;
  }
  const { answer, model, milliseconds, item } = last;
  byId("empty").hidden = true;
  byId("answer").hidden = false;
  byId("label").textContent = answer.label;
  byId("confidence").textContent = say("confidence", { share: percent(answer.confidence), milliseconds: milliseconds.toFixed(milliseconds < 10 ? 1 : 0) });
  byId("model").textContent = model;
  byId("warnings").replaceChildren(...answer.warnings.map(warning => make("p", { class: "notice warn" }, explain(warning))));
  const sorted = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  byId("bars").replaceChildren(...sorted.slice(0, showsAll ? sorted.length : shortList).map(([label, probability]) => {
    const fill = make("div", { class: "fill" });
    fill.style.width = `${100 * probability}%`;
    return make("li", { class: label === answer.label ? "best" : "" }, make("span", { class: "name" }, label),
      make("div", { class: "track", "aria-hidden": "true" }, fill), make("span", { class: "share" }, percent(probability)));
  }));
  byId("more").hidden = sorted.length <= shortList;
  byId("more").textContent = say(showsAll ? "less" : "more", { labels: sorted.length });
  byId("more").setAttribute("aria-expanded", String(showsAll));
  byId("correct").hidden = document.body.dataset.feedback !== "yes";
  byId("right").replaceChildren(...labels.map(label => make("option", { value: label }, label)));
  byId("right").value = answer.label;
  const body = JSON.stringify(item).replaceAll("'", "'\\''");
  byId("curl").textContent = `curl '${new URL("v1/classify", document.baseURI)}' \\\n  -H 'Content-Type: application/json' \\\n${sessionStorage.getItem(keyName) ? '  -H "Authorization: Bearer $KEY" \\\n' : ""}  -d '${body}'`;
}

async function correct() {
  byId("send").disabled = true;
  try {
    await ask("v1/feedback", { ...last.item, label: byId("right").value });
    byId("sent").textContent = say("thanks");
    announce(say("thanks"));
  } catch (problem) {
    tellProblem(problem);
  } finally {
    byId("send").disabled = false;
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(byId("curl").textContent);
    announce(say("copied"));
    byId("copy").textContent = say("copied");
  } catch {
    // Without https the clipboard is closed to pages: what is selected can still be copied by hand.
    getSelection().selectAllChildren(byId("curl"));
  }
}

/** Shows the examples whose relation is one of the model's labels: for a model of something else they say nothing. */
function drawExamples() {
  const known = examples.filter(({ label }) => labels.includes(label));
  byId("examples-row").hidden = known.length === 0;
  byId("examples").replaceChildren(...known.map(({ text, people1, people2 }) => make("button", {
    type: "button", class: "chip", click: () => {
      byId("text").value = text;
      spans.fill(null);
      field(1).value = people1;
      field(2).value = people2;
      drawPreview();
      classify();
    },
  }, `${people1} · ${people2}`)));
}

/** Waits until the model is loaded, and asks for its labels. */
async function start() {
  try {
    labels = (await (await ask("v1/labels")).json()).labels;
    drawExamples();
    byId("key-form").hidden = true;
    tell("");
  } catch (problem) {
    if (problem instanceof ServerProblem && problem.status === 503) {
      tell(say("loading"));
      setTimeout(start, loadingMilliseconds);
    } else {
      tellProblem(problem);
    }
  }
}

byId("text").addEventListener("input", () => {
  spans.fill(null);
  drawPreview();
});
for (const person of /** @type {(1 | 2)[]} */ ([1, 2])) {
  field(person).addEventListener("input", () => {
    spans[person - 1] = null;
    drawPreview();
  });
  byId(`pick${person}`).addEventListener("click", () => pick(person));
}
document.addEventListener("keydown", event => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    event.preventDefault();
    classify();
  } else if (event.altKey && (event.code === "Digit1" || event.code === "Digit2")) {
    event.preventDefault();
    pick(event.code === "Digit1" ? 1 : 2);
  }
});
byId("classify").addEventListener("click", classify);
byId("more").addEventListener("click", () => {
  showsAll = !showsAll;
  drawAnswer();
});
byId("send").addEventListener("click", correct);
byId("copy").addEventListener("click", copy);
byId("key-form").addEventListener("submit", event => {
  event.preventDefault();
  sessionStorage.setItem(keyName, byId("key").value);
  start();
});
takeFiles(ask);
speak(words, () => {
  drawPreview();
  drawAnswer();
  drawBatch();
});
drawPreview();
drawBatch();
start();
