// Earlier results of this browser: kept here, their files on the server.
import { element, find, show } from "./dom.mjs";
import { currentLanguage, say } from "./words.mjs";

const KEPT = "magicpose.results";
const MOST = 24;
const SIDE = 128; // pixels of a small picture

const load = () => {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? [];
  } catch {
    return []; // of another version
  }
};

/** Set the list up; `open` gets the result that a person chose. */
export function setUpEarlier(open) {
  let results = load();
  const store = () => localStorage.setItem(KEPT, JSON.stringify(results));
  const list = () => {
    show(find("#earlier"), results.length > 0);
    find("#earlier-list").replaceChildren(...results.map((result) => entry(result, open)));
  };
  find("#forget").addEventListener("click", () => {
    results = [];
    store();
    list();
  });
  list();
  return {
    /** Put a result first. */
    add(result) {
      results = [result, ...results.filter(({ id }) => id !== result.id)].slice(0, MOST);
      store();
      list();
    },
    list,
  };
}

function entry(result, open) {
  const time = new Date(result.at).toLocaleString(currentLanguage());
  const label = say("earlier_open", { time });
  const image = element("img", { src: result.thumb, alt: "" });
  const button = element("button", { type: "button", "aria-label": label, title: label }, image);
  button.addEventListener("click", () => open(result));
  return element("li", {}, button);
}

/** A small picture of a video, once it shows something. */
export async function thumbOf(video) {
  if (video.readyState < 2)
    await new Promise((resolve) => {
      video.addEventListener("loadeddata", resolve, { once: true });
      video.addEventListener("error", resolve, { once: true });
    });
  const canvas = element("canvas", { width: SIDE, height: SIDE });
  const { videoWidth, videoHeight } = video;
  const scale = Math.max(SIDE / (videoWidth || 1), SIDE / (videoHeight || 1));
  const [width, height] = [videoWidth * scale, videoHeight * scale];
  canvas.getContext("2d").drawImage(video, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
  return canvas.toDataURL("image/jpeg", 0.8);
}
