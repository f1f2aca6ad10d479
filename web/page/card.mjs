// What the cards on the left have in common: work with a file, and faults told where they happened.
import { find, tell } from "./dom.mjs";
import { wordsOf } from "./faults.mjs";
import { put, say } from "./words.mjs";

/** Show faults [{place, text}] on their cards; an empty list takes all away. */
export function showFaults(faults) {
  const places = {
    person: find("#person .fault"),
    dance: find("#dance .fault"),
    model: find("#settings .fault"),
    run: find("#run-fault"),
  };
  for (const [place, node] of Object.entries(places))
    tell(
      node,
      faults
        .filter((fault) => fault.place === place)
        .map(({ text }) => text)
        .join("\n"),
    );
}

/** Do what a person asked for on a card, and tell there what goes wrong. */
export async function onCard(card, work) {
  const fault = find(".fault", card);
  tell(fault, "");
  card.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    tell(fault, wordsOf(error, say));
  }
  card.removeAttribute("aria-busy");
}

/** Let a drop zone say what was chosen. */
export function showChosen(card, name) {
  put(find(".drop strong", card), "chosen", { name });
  put(find(".drop small", card), "replace");
}
