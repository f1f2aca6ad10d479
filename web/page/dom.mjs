// Elements made from values. Text is only ever set as text, never read as HTML.

export const find = (selector, root = document) => root.querySelector(selector);

/** Make an element: properties are set, `data-` and `aria-` names become attributes. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Show or hide an element. */
export function show(node, visible) {
  node.hidden = !visible;
}

/** Put words into an element that is there for them, and hide it where there are none. */
export function tell(node, words) {
  node.textContent = words ?? "";
  node.hidden = !words;
}
