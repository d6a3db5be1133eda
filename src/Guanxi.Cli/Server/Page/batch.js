// A file of rows: asked in parts that the server takes, shown as they come, and handed back.
import { announce, byId, make, percent, save, say, ServerProblem } from "./common.js";
import { readRows, toCsv, toJsonLines } from "./tables.js";

// The server takes 64 KiB; a part that small also keeps the bar moving.
const mostBytes = 48 * 1024;
const mostItems = 16;
const mostShown = 200;
const mostTries = 30;

/** @type {{item: import("./tables.js").Item, label?: string, confidence?: number, probabilities?: object, error?: string}[]} */
let rows = [];
let done = 0;
let name = "rows";
let stopped = false;

/** @param {number} from @returns {number} Where the part that begins there ends. */
function endOfPart(from) {
  const encoder = new TextEncoder();
  let bytes = 0;
  let end = from;
  while (end < rows.length && end < from + mostItems) {
    bytes += encoder.encode(JSON.stringify(rows[end].item)).length + 2;
    if (bytes > mostBytes && end > from) {
      break;
    }
    end++;
  }
  return end;
}

/**
 * @param {(path: string, body: any) => Promise<Response>} ask
 * @param {typeof rows} part Gets answers; rows that cannot be answered get the reason.
 */
async function answer(ask, part) {
  let open = part;
  for (let tries = 0; open.length > 0 && !stopped;) {
    try {
      const { items } = await (await ask("v1/classify", { items: open.map(row => row.item) })).json();
      open.forEach((row, at) => Object.assign(row, items[at]));
      return;
    } catch (problem) {
      if (!(problem instanceof ServerProblem)) {
        throw problem;
      }
      const faults = (problem.body?.errors ?? []).filter(fault => Number.isInteger(fault.item));
      if ((problem.status === 429 || problem.status === 503) && ++tries < mostTries) {
        await new Promise(resolve => setTimeout(resolve, 1000 * problem.retryAfter));
      } else if (faults.length > 0) {
        for (const fault of faults) {
          const row = open[fault.item];
          row.error = row.error ? `${row.error}; ${fault.message}` : fault.message;
        }
        open = open.filter(row => row.error === undefined);
      } else if (open.length === 1 && problem.status !== 401) {
        open[0].error = problem.message;
        return;
      } else {
        throw problem;
      }
    }
  }
}

function shown(row, at) {
  return make("tr", {}, make("td", {}, String(at + 1)), make("td", {}, String(row.item.text ?? "")),
    ...row.error === undefined
      ? [make("td", {}, row.label ?? ""), make("td", {}, row.confidence === undefined ? "" : percent(row.confidence))]
      : [make("td", { class: "failed", colspan: 2 }, row.error)]);
}

/** @param {string} problem Empty for none. */
function tell(problem) {
  byId("batch-message").textContent = problem;
  byId("batch-message").hidden = !problem;
  announce(problem);
}

/** Draws words and bar again, in the language of now. */
export function drawBatch() {
  const failed = rows.filter(row => row.error !== undefined).length;
  byId("batch-words").textContent = say("batchWords", { name, done, rows: rows.length, failed });
  byId("batch-bar").style.width = `${100 * done / Math.max(1, rows.length)}%`;
  byId("rest").textContent = done > mostShown ? say("batchRest", { shown: mostShown }) : "";
  const running = done < rows.length && !stopped;
  byId("stop").hidden = !running;
  byId("csv").disabled = byId("jsonl").disabled = running;
}

/**
 * @param {File} file
 * @param {(path: string, body: any) => Promise<Response>} ask
 */
async function run(file, ask) {
  try {
    rows = readRows(new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer())).map(item => ({ item }));
  } catch (problem) {
    tell(say(problem instanceof RangeError ? "batchColumns" : problem instanceof SyntaxError ? "batchJson" : "batchEncoding"));
    return;
  }
  tell("");
  [name, done, stopped] = [file.name, 0, false];
  byId("rows").replaceChildren();
  byId("batch").hidden = false;
  drawBatch();
  try {
    while (done < rows.length && !stopped) {
      const end = endOfPart(done);
      await answer(ask, rows.slice(done, end));
      byId("rows").append(...rows.slice(done, Math.min(end, mostShown)).map((row, at) => shown(row, done + at)));
      done = end;
      drawBatch();
    }
  } catch (problem) {
    tell(problem instanceof ServerProblem ? problem.message : say("unreachable"));
  }
  stopped = true;
  drawBatch();
  if (done === rows.length) {
    announce(say("batchDone", { rows: rows.length }));
  }
}

/**
 * Makes the field for files work.
 * @param {(path: string, body: any) => Promise<Response>} ask
 */
export function takeFiles(ask) {
  const drop = byId("drop");
  const take = files => {
    if (files?.length > 0 && (stopped || rows.length === 0)) {
      run(files[0], ask);
    }
  };
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, event => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", event => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  byId("file").addEventListener("change", () => {
    take(byId("file").files);
    byId("file").value = "";
  });
  byId("stop").addEventListener("click", () => {
    stopped = true;
  });
  const base = () => name.replace(/\.[^.]*$/, "");
  byId("csv").addEventListener("click", () => save(`${base()}-predicted.csv`, new Blob([toCsv(rows.slice(0, done))], { type: "text/csv" })));
  byId("jsonl").addEventListener("click", () => save(`${base()}-predicted.jsonl`, new Blob([toJsonLines(rows.slice(0, done))], { type: "application/jsonl" })));
}
