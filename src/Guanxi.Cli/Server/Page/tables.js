// Files of rows: JSONL, CSV and TSV in, CSV and JSONL out.

/**
 * @typedef {object} Item
 * @property {string} [text]
 * @property {string} [people1]
 * @property {string} [people2]
 * @property {[number, number]} [people1_span]
 * @property {[number, number]} [people2_span]
 */

// The names that train takes; a test holds the two lists together.
const columns = {
  text: ["text", "content", "sentence", "文本", "句子"],
  people1: ["people1", "person1", "entity1", "e1", "人物1"],
  people2: ["people2", "person2", "entity2", "e2", "人物2"],
  people1_span: ["people1_span"],
  people2_span: ["people2_span"],
};

/** @param {string} name @returns {string | undefined} The field that a column or member stands for. */
const fieldOf = name => Object.keys(columns).find(field => columns[field].includes(name.trim().toLowerCase()));

/**
 * @param {[string, any][]} members Names and values; of several for one field the first counts.
 * @returns {Item}
 */
function itemOf(members) {
  const item = {};
  for (const [name, value] of members) {
    const field = fieldOf(name);
    if (field && value !== undefined) {
      item[field] ??= value;
    }
  }
  return item;
}

/**
 * Cells of a table; quotes as in RFC 4180, but not in TSV.
 * @param {string} text @param {string} comma
 * @returns {string[][]}
 */
function cells(text, comma) {
  if (comma === "\t") {
    return text.split(/\r?\n/).filter(line => line.trim()).map(line => line.split("\t"));
  }
  const rows = [[""]];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const row = rows[rows.length - 1];
    const unit = text[at];
    if (quoted) {
      if (unit !== '"') {
        row[row.length - 1] += unit;
      } else if (text[at + 1] === '"') {
        row[row.length - 1] += text[++at];
      } else {
        quoted = false;
      }
    } else if (unit === '"' && row[row.length - 1] === "") {
      quoted = true;
    } else if (unit === comma) {
      row.push("");
    } else if (unit === "\n") {
      rows.push([""]);
    } else if (unit !== "\r") {
      row[row.length - 1] += unit;
    }
  }
  return rows.filter(row => row.some(cell => cell.trim()));
}

/**
 * What a cell holds: a span is JSON, and one that is none is sent as it is, so that the server says so.
 * @param {string} name @param {string | undefined} cell
 */
function valueOf(name, cell) {
  if (!fieldOf(name)?.endsWith("_span")) {
    return cell;
  }
  try {
    return cell?.trim() ? JSON.parse(cell) : undefined;
  } catch {
    return cell;
  }
}

/** @param {string} text @returns {Item[]} */
function readTable(text) {
  const header = text.slice(0, text.indexOf("\n") >>> 0);
  const comma = ["\t", ",", ";"].find(sign => header.includes(sign)) ?? "\t";
  const [names = [], ...rows] = cells(text, comma);
  if (!names.some(name => fieldOf(name) === "text")) {
    throw new RangeError("columns");
  }
  return rows.map(row => itemOf(names.map((name, at) => [name, valueOf(name, row[at])])));
}

/** @param {string} line @returns {Item} */
function readLine(line) {
  const members = JSON.parse(line);
  if (members === null || typeof members !== "object" || Array.isArray(members)) {
    throw new SyntaxError("no object");
  }
  return itemOf(Object.entries(members));
}

/**
 * Reads a file, by its content.
 * @param {string} content
 * @returns {Item[]}
 * @throws {SyntaxError | RangeError} A line is no JSON object, or there is no column for the text.
 */
export function readRows(content) {
  const text = content.replace(/^\uFEFF/, "");
  return text.trimStart().startsWith("{") ? text.split("\n").filter(line => line.trim()).map(readLine) : readTable(text);
}

/** @param {any} value */
const quoted = value => /[",\n\r]/.test(String(value ?? "")) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? "");

/** @param {{item: Item, label?: string, confidence?: number, error?: string}[]} rows @returns {string} */
export const toCsv = rows => [["text", "people1", "people2", "label", "confidence", "error"],
  ...rows.map(({ item, label, confidence, error }) => [item.text, item.people1, item.people2, label, confidence, error])]
  .map(row => row.map(quoted).join(",")).join("\n") + "\n";

/** @param {{item: Item, label?: string, confidence?: number, probabilities?: object, error?: string}[]} rows @returns {string} */
export const toJsonLines = rows => rows.map(({ item, label, confidence, probabilities, error }, at) =>
  JSON.stringify(error === undefined ? { ...item, label, confidence, probabilities } : { ...item, error: { row: at + 1, message: error } })
    .replace(/[\u0085\u2028\u2029]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`) + "\n").join("");
