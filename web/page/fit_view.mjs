// The dance over the picture before anything is rendered, to be moved until it fits.
import { find, show } from "./dom.mjs";
import { drawCovering, placing } from "./frame.mjs";
import { drawPeople } from "./skeleton.mjs";

const SIDE = 768; // pixels of the canvas's longer side
const DIM = 0.45; // of the picture under the skeleton
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** Set the view up; `onNudge` gets {zoom, right, down} after every move. */
export function setUpFitView(onNudge) {
  const canvas = find("#canvas");
  const screen = find("#screen");
  const sliders = { zoom: find("#zoom"), right: find("#nudge-right"), down: find("#nudge-down") };
  const nudge = () =>
    Object.fromEntries(Object.entries(sliders).map(([name, { value }]) => [name, Number(value)]));
  let shown = null; // {person, frame, poses or canvases}
  let timer = null;
  let index = 0;

  const draw = () => {
    const { person, frame, poses, canvases } = shown;
    const scale = SIDE / Math.max(frame.width, frame.height);
    canvas.width = frame.width * scale;
    canvas.height = frame.height * scale;
    const context = canvas.getContext("2d");
    drawCovering(canvas, person.image, person);
    context.fillStyle = `rgb(0 0 0 / ${DIM})`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (poses) {
      const place = placing(poses, canvas, nudge());
      drawPeople(context, poses.frames[index % poses.frames.length], place, SIDE / 80);
    } else if (canvases) {
      context.globalCompositeOperation = "lighter"; // poses are drawn on black
      const picture = canvases[index % canvases.length];
      drawCovering(canvas, picture, picture);
      context.globalCompositeOperation = "source-over";
    }
  };
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) {
      const { min, max } = sliders[name];
      sliders[name].value = Math.min(Number(max), Math.max(Number(min), value));
    }
    if (shown) draw();
    onNudge(nudge());
  };
  for (const slider of Object.values(sliders)) slider.addEventListener("input", () => change({}));
  find("#reset").addEventListener("click", () => change({ zoom: 1, right: 0, down: 0 }));
  dragging(screen, () => shown?.poses, nudge, change);

  return {
    /** Show a picture, and over it poses or drawings of poses if they are known yet. */
    show(now) {
      shown = now;
      clearInterval(timer);
      const movable = Boolean(now.poses);
      show(find("#nudges"), movable);
      screen.classList.toggle("movable", movable);
      draw();
      if (STILL.matches || !(now.poses || now.canvases)) return;
      timer = setInterval(
        () => {
          index++;
          if (!document.hidden) draw();
        },
        1000 / (now.poses?.fps ?? now.fps),
      );
    },
    hide() {
      clearInterval(timer);
      shown = null;
      show(find("#nudges"), false);
      screen.classList.remove("movable");
    },
    /** Forget moves that were made for other poses. */
    reset: () => change({ zoom: 1, right: 0, down: 0 }),
  };
}

/** Move by dragging, and resize with the wheel. */
function dragging(screen, movable, nudge, change) {
  let from = null;
  screen.addEventListener("pointerdown", (event) => {
    if (!movable()) return;
    from = { x: event.clientX, y: event.clientY, ...nudge() };
    screen.setPointerCapture(event.pointerId);
    screen.classList.add("dragging");
  });
  screen.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (!from) return;
    const { width, height } = screen.getBoundingClientRect();
    change({
      right: from.right + (clientX - from.x) / width,
      down: from.down + (clientY - from.y) / height,
    });
  });
  const end = () => {
    from = null;
    screen.classList.remove("dragging");
  };
  screen.addEventListener("pointerup", end);
  screen.addEventListener("pointercancel", end);
  screen.addEventListener(
    "wheel",
    (event) => {
      if (!movable()) return;
      event.preventDefault();
      change({ zoom: nudge().zoom * Math.exp(-event.deltaY / 800) });
    },
    { passive: false },
  );
}
