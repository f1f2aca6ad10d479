// The card of the dance: a sample, a video, a pose file, or drawings of poses.
import { animatedPng } from "./apng.mjs";
import { onCard, showChosen } from "./card.mjs";
import { element, find, show } from "./dom.mjs";
import { checkPoseFile, kindOf, readPicture, takeFiles } from "./files.mjs";
import { DANCES, playSmall, uploadSample } from "./samples.mjs";
import { upload } from "./server.mjs";
import { say } from "./words.mjs";

const MOST = 64; // frames of a video, unless another number is asked for
const RATE = 12; // drawings a second

/** Set the card up; `choose` gets {kind, file, start, most, fps, canvases}, whenever one changes.
 *
 * Returns how to take a sample by its name, and how to offer another start of videos.
 */
export function setUpDance(choose) {
  const card = find("#dance");
  const number = (name, fallback) => find(`#dance-${name} input`).valueAsNumber || fallback;
  let dance = null;
  let canCut = false;

  const tell = () => {
    const { kind } = dance;
    const numbers = { start: canCut ? number("start", 0) : 0, most: number("most", MOST) };
    choose(kind === "video" ? { ...dance, ...numbers } : { ...dance });
  };
  const chosen = (now, name) => {
    dance = now;
    show(find("#dance-part"), dance.kind !== "poses");
    show(find("#dance-start"), dance.kind === "video" && canCut);
    show(find("#dance-most"), dance.kind === "video");
    show(find("#dance-rate"), dance.kind === "pictures");
    for (const tile of card.querySelectorAll(".sample"))
      tile.setAttribute("aria-pressed", String(tile.dataset.name === dance.sample));
    showChosen(card, name);
    tell();
  };
  const takeSample = (name) =>
    onCard(card, async () => {
      const file = await uploadSample(`${name}.json`);
      chosen({ kind: "poses", file, sample: name }, say(`sample_${name}`));
    });

  takeFiles(find(".drop", card), (files) =>
    onCard(card, async () => {
      const kind = kindOf(files);
      chosen({ kind, ...(await READERS[kind](files, number("rate", RATE))) }, files[0].name);
    }),
  );
  for (const name of ["start", "most"])
    find(`#dance-${name} input`).addEventListener("change", tell);
  find("#dance-rate input").addEventListener("change", () => {
    dance = { ...dance, fps: number("rate", RATE) };
    tell();
  });
  for (const name of DANCES) find(".samples", card).append(sampleTile(name, takeSample));
  return { takeSample, allowCut: () => (canCut = true) };
}

const READERS = {
  video: async ([file]) => ({ file: await upload(file) }),
  poses: async ([file]) => {
    await checkPoseFile(file);
    return { file: await upload(file) };
  },
  pictures: async (files, fps) => {
    const canvases = await canvasesOf(files);
    return { file: await upload(await animatedPng(canvases, "poses.png", fps)), fps, canvases };
  },
};

/** Drawings in the order of the numbers in their names, all in the size of the first. */
async function canvasesOf(files) {
  const order = new Intl.Collator("en", { numeric: true }).compare;
  const sorted = [...files].sort((one, other) => order(one.name, other.name));
  const pictures = [];
  for (const file of sorted) pictures.push(await readPicture(file, file.name));
  const { width, height } = pictures[0];
  return pictures.map(({ image }) => {
    const canvas = element("canvas", { width, height });
    canvas.getContext("2d").drawImage(image, 0, 0, width, height);
    return canvas;
  });
}

function sampleTile(name, onClick) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const label = element("span", { "data-say": `sample_${name}` });
  const tile = element("button", { type: "button", className: "sample" }, canvas, label);
  tile.dataset.name = name;
  tile.setAttribute("aria-pressed", "false");
  tile.addEventListener("click", () => onClick(name));
  playSmall(canvas, name).catch(() => {}); // the name alone says it too
  return tile;
}
