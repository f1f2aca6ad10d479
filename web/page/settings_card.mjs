// The card of the settings: which model, what frame, and the numbers under "more".
import { element, find } from "./dom.mjs";
import { DEMO } from "./prompts.mjs";
import { say } from "./words.mjs";

const SIZES = { demo: 128, other: 512 }; // pixels that models were trained at
const MULTIPLE = 64;
const RELEASED = /model_state|magicpose(?!-dancers)/i; // names that a full model likely has

/** Set the card up; `onChange` is called after every change. */
export function setUpSettings(onChange) {
  const [model, size, steps, strength, seed] = ["model", "size", "steps", "strength", "seed"].map(
    (name) => find(`#${name}`),
  );
  const bounded = (input, fallback) => {
    const value = input.valueAsNumber;
    if (Number.isNaN(value)) return fallback;
    return Math.min(Number(input.max), Math.max(Number(input.min), value));
  };
  const read = () => ({
    model: model.value,
    shape: find("[name=shape]:checked").value,
    size: Math.round(bounded(size, SIZES.other) / MULTIPLE) * MULTIPLE,
    steps: bounded(steps, null),
    strength: bounded(strength, 1),
    seed: Math.round(bounded(seed, 0)),
  });
  const chosen = () => {
    size.value = model.value === DEMO ? SIZES.demo : SIZES.other;
    onChange();
  };
  model.addEventListener("change", chosen);
  for (const shape of document.querySelectorAll("[name=shape]"))
    shape.addEventListener("change", onChange);
  for (const input of [size, steps, strength, seed])
    input.addEventListener("change", () => {
      input.value = read()[input.id] ?? ""; // what is taken is what is shown
      onChange();
    });
  find("#dice").addEventListener("click", () => {
    seed.value = Math.floor(Math.random() * 2 ** 32);
    onChange();
  });
  return {
    /** What is set; steps are null where the model's file says them. */
    read,
    /** Offer model files, the bundled one last. */
    offer(files) {
      const names = [...files].sort((one, other) => (one === DEMO) - (other === DEMO));
      const option = (value) => element("option", { value, textContent: value });
      model.replaceChildren(...names.map(option));
      const demo = [...model.options].find(({ value }) => value === DEMO);
      if (demo) {
        demo.dataset.say = "model_demo";
        demo.textContent = say("model_demo");
      }
      model.value = names.find((name) => RELEASED.test(name)) ?? DEMO;
      chosen();
    },
    /** Choose a model file, if it is there. */
    choose(name) {
      if (![...model.options].some(({ value }) => value === name)) return;
      model.value = name;
      chosen();
    },
    /** Say again what no element's text is. */
    translate: () => (steps.placeholder = say("steps_model")),
  };
}
