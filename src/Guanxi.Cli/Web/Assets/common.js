// What every page needs: words in two languages, elements, requests, marked sentences. User text becomes text nodes only.

const languageKey = "guanxi-language";

/** @type {Record<string, Record<string, string>>} */
let dictionary = {};
let language = localStorage.getItem(languageKey) ?? (document.documentElement.lang.startsWith("zh") ? "zh" : "en");

/** @param {string} id @returns {any} The element of an id. */
export const byId = id => document.getElementById(id);

/**
 * A word of the page in the reader's language.
 * @param {string} key
 * @param {Record<string, string | number>} [values] Put in for {name}.
 */
export function say(key, values = {}) {
  const text = dictionary[language]?.[key] ?? dictionary.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => name in values ? String(values[name]) : whole);
}

/**
 * Fills in all words, and makes the switch between the languages work.
 * @param {{zh: Record<string, string>, en: Record<string, string>}} words
 * @param {() => void} redraw Draws again what was made by script.
 */
export function speak(words, redraw) {
  dictionary = words;
  const fill = () => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.title = say("title");
    for (const element of document.querySelectorAll("[data-say]")) {
      element.textContent = say(/** @type {HTMLElement} */ (element).dataset.say);
    }
    for (const element of document.querySelectorAll("[data-say-label]")) {
      element.setAttribute("aria-label", say(/** @type {HTMLElement} */ (element).dataset.sayLabel));
    }
    for (const element of document.querySelectorAll("[data-say-placeholder]")) {
      element.setAttribute("placeholder", say(/** @type {HTMLElement} */ (element).dataset.sayPlaceholder));
    }
    const other = byId("language");
    other.textContent = language === "zh" ? "English" : "中文";
    other.lang = language === "zh" ? "en" : "zh-CN";
  };
  byId("language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    localStorage.setItem(languageKey, language);
    fill();
    redraw();
  });
  fill();
}

/**
 * Makes an element.
 * @param {string} tag
 * @param {Record<string, any>} [properties] Attributes; functions become listeners of the event so named.
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") {
      element.addEventListener(name, value);
    } else if (value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children);
  return element;
}

/** Tells users of a screen reader. @param {string} text */
export function announce(text) {
  byId("live").textContent = text;
}

/** Shows a message above everything; an empty one takes it away. @param {string} text @param {"warn" | "bad" | "good"} [kind] */
export function tell(text, kind = "warn") {
  const message = byId("message");
  message.textContent = text;
  message.className = `notice ${kind}`;
  message.hidden = !text;
  if (text) {
    announce(text);
  }
}

/** @param {number} probability */
export const percent = probability => `${(100 * probability).toFixed(probability > 0.995 || probability < 0.0995 ? 1 : 0)}%`;

/**
 * A problem that a server told of.
 */
export class ServerProblem extends Error {
  /** @param {number} status @param {any} body @param {Headers} headers */
  constructor(status, body, headers) {
    super([body?.detail ?? `HTTP ${status}`, ...(body?.errors ?? []).map(error => error.message)].join(" "));
    this.status = status;
    this.body = body;
    this.retryAfter = Number(headers.get("Retry-After")) || 1;
  }
}

/**
 * Asks the server.
 * @param {string} path Relative, so that a proxy may put the page below a folder.
 * @param {any} [body] Sent as JSON; without one the request is GET.
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Response>}
 */
export async function request(path, body, headers = {}) {
  const response = await fetch(path, body === undefined ? { headers } : {
    method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body),
  });
  if (!response.ok) {
    throw new ServerProblem(response.status, await response.json().catch(() => null), response.headers);
  }
  return response;
}

/** Hands a file to the reader. @param {string} name @param {Blob} content */
export function save(name, content) {
  const address = URL.createObjectURL(content);
  const link = make("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * Shows a sentence with the mentions of both people marked; they may lie in one another.
 * @param {HTMLElement} place Emptied first.
 * @param {string} text
 * @param {[number, number] | null} span1 UTF-16 units, half open.
 * @param {[number, number] | null} span2
 * @param {{at: number, end: number, person: 1 | 2, choose: () => void}[]} [others] Mentions that could be meant instead.
 */
export function showSentence(place, text, span1, span2, others = []) {
  const cuts = [0, text.length, ...(span1 ?? []), ...(span2 ?? []), ...others.flatMap(other => [other.at, other.end])];
  const points = [...new Set(cuts)].sort((a, b) => a - b);
  const pieces = points.slice(1).map((end, i) => {
    const start = points[i];
    const piece = text.slice(start, end);
    const within = span => span && span[0] <= start && end <= span[1];
    const people = [within(span1) ? "person1" : "", within(span2) ? "person2" : ""].filter(Boolean);
    if (people.length > 0) {
      return make("mark", { class: `person ${people.join(" ")}` }, piece);
    }
    const other = others.find(mention => mention.at === start && mention.end === end);
    return other ? make("button", { type: "button", class: `mention mention${other.person}`, click: other.choose }, piece) : document.createTextNode(piece);
  });
  place.replaceChildren(...pieces);
}
