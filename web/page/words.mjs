// The words of the page, in the language that the person chose or the browser asks for.
import { CHINESE } from "./words_zh.mjs";
import { ENGLISH } from "./words_en.mjs";

const WORDS = { en: ENGLISH, zh: CHINESE };
export const LANGUAGES = Object.keys(WORDS);
const KEPT = "magicpose.language";

let language = localStorage.getItem(KEPT) ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export const currentLanguage = () => language;

/** Choose a language, and put its words into everything that has a key of them. */
export function speak(chosen) {
  language = chosen;
  localStorage.setItem(KEPT, chosen);
  translate(document);
}

/** The words of a key, with {names} replaced by values. */
export function say(key, values = {}) {
  const words = WORDS[language][key] ?? ENGLISH[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Put words into an element, which follow the language; no key empties and hides it. */
export function put(node, key, values = {}) {
  Object.assign(node.dataset, values, { say: key ?? "" });
  node.textContent = key ? say(key, values) : "";
  node.hidden = !key;
}

/** Fill elements by their data-say (text, with their other data as values) and data-say-label. */
function translate(root) {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of root.querySelectorAll("[data-say]"))
    node.textContent = node.dataset.say ? say(node.dataset.say, node.dataset) : "";
  for (const node of root.querySelectorAll("[data-say-label]"))
    node.setAttribute("aria-label", say(node.dataset.sayLabel));
  document.title = say("title");
}

/** A number of seconds in words. */
export function duration(seconds) {
  if (seconds < 90) return say("seconds", { n: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return say("minutes", { n: Math.round(seconds / 60) });
  return say("hours", { n: (seconds / 3600).toFixed(1) });
}
