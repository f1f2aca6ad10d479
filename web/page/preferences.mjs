// Language and colours, chosen in the header and kept in this browser.
import { find } from "./dom.mjs";
import { currentLanguage, speak } from "./words.mjs";

const KEPT = "magicpose.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Make the two choices work; `onLanguage` is called when words have changed. */
export function setUpPreferences(onLanguage) {
  const language = find("#language");
  language.value = currentLanguage();
  language.addEventListener("change", () => {
    speak(language.value);
    onLanguage();
  });
  const theme = find("#theme");
  theme.value = localStorage.getItem(KEPT) ?? "auto";
  const paint = () => {
    const shown = theme.value === "auto" ? (dark.matches ? "dark" : "light") : theme.value;
    document.documentElement.dataset.theme = shown;
  };
  theme.addEventListener("change", () => {
    localStorage.setItem(KEPT, theme.value);
    paint();
  });
  dark.addEventListener("change", paint);
  paint();
  speak(language.value);
}
