// What comes with the pack: dances, and drawn people for the bundled model.
import { Fault } from "./faults.mjs";
import { get, here, upload } from "./server.mjs";
import { drawPeople, readPoses } from "./skeleton.mjs";
import { cover } from "./frame.mjs";

export const DANCES = ["wave", "swing", "stretch", "bounce"];
export const EXAMPLES = [
  { person: "ada", dance: "wave" },
  { person: "ben", dance: "swing" },
  { person: "chen", dance: "stretch" },
];
const SIDE = 160; // pixels of a small dance

export const samplePicture = (name) => here(`samples/${name}.png`);
export const sampleDance = async (name) => readPoses(await get(here(`samples/${name}.json`)));

/** Put a shipped file into the input folder; one that is there already is not stored twice. */
export async function uploadSample(name) {
  const answer = await fetch(here(`samples/${name}`));
  if (!answer.ok) throw new Fault("refused", { status: answer.status });
  return upload(new File([await answer.blob()], name));
}

/** Let a small canvas show a dance in a loop; a still one where people want no motion. */
export async function playSmall(canvas, name) {
  canvas.width = canvas.height = SIDE;
  const poses = await sampleDance(name);
  const place = cover(poses, canvas);
  const context = canvas.getContext("2d");
  const draw = (index) => {
    context.clearRect(0, 0, SIDE, SIDE);
    drawPeople(context, poses.frames[index % poses.frames.length], place, 4);
  };
  draw(0);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  let index = 0;
  setInterval(() => document.hidden || draw(++index), 1000 / poses.fps);
}
