// The finished clip in a loop, with a divide between it and the picture or the pose.
import { find, show, tell } from "./dom.mjs";
import { drawCovering, placing } from "./frame.mjs";
import { readPicture } from "./files.mjs";
import { STILL } from "./prompts.mjs";
import { fileAddress, get, inputAddress } from "./server.mjs";
import { drawPeople, readPoses } from "./skeleton.mjs";
import { put, say } from "./words.mjs";

const SIDE = 768; // pixels of the canvas's longer side

/** Set the view up. */
export function setUpResultView() {
  const [video, overlay, divide, compare] = ["#video", "#overlay", "#divide", "#compare"].map(
    (name) => find(name),
  );
  let shown = null; // {result, picture, poses}
  let ticket = 0; // of what was asked for last

  const draw = () => {
    if (!shown) return;
    const { picture, poses } = shown;
    const kind = compare.value;
    const context = overlay.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, overlay.width, overlay.height);
    if (kind === "picture" && picture) drawCovering(overlay, picture.image, picture);
    if (kind === "pose" && poses) {
      const index = Math.floor(video.currentTime * poses.fps + 0.01) % poses.frames.length;
      drawPeople(context, poses.frames[index], placing(poses, overlay, STILL), SIDE / 80);
    }
  };
  const follow = (mine) => {
    if (mine !== ticket) return;
    if (compare.value === "pose" && !document.hidden) draw();
    requestAnimationFrame(() => follow(mine));
  };
  const choose = () => {
    const layers = compare.value !== "none";
    for (const node of [overlay, divide, find("#line-of-divide")]) show(node, layers);
    draw();
  };
  compare.addEventListener("change", choose);
  divide.addEventListener("input", () =>
    find("#screen").style.setProperty("--divide", `${divide.value}%`),
  );
  find("#play").addEventListener("click", () => (video.paused ? video.play() : video.pause()));
  for (const event of ["play", "pause"])
    video.addEventListener(event, () => put(find("#play"), video.paused ? "play" : "pause"));
  find("#sound").addEventListener("change", ({ target }) => (video.muted = !target.checked));
  video.addEventListener("error", () => {
    if (shown) tell(find("#screen-note"), say("gone"));
  });

  return {
    /** Show a result {file, picture, poses, frame}; what is gone from the server is left out. */
    async show(result) {
      const mine = ++ticket;
      const { frame } = result;
      const scale = SIDE / Math.max(frame.width, frame.height);
      overlay.width = frame.width * scale;
      overlay.height = frame.height * scale;
      shown = { result, picture: null, poses: null };
      tell(find("#screen-note"), "");
      video.src = fileAddress(result.file).href;
      show(video, true);
      show(find("#result-tools"), true);
      const download = find("#download");
      download.href = video.src;
      download.download = result.file.filename;
      video.play().catch(() => {}); // a browser may want to be asked first
      const [picture, poses] = await Promise.all([
        readPicture(inputAddress(result.picture).href, "").catch(() => null),
        result.poses
          ? get(fileAddress(result.poses))
              .then(readPoses)
              .catch(() => null)
          : null,
      ]);
      if (mine !== ticket) return;
      shown = { result, picture, poses };
      const options = { picture, pose: poses };
      for (const option of compare.options) option.disabled = options[option.value] === null;
      if (compare.selectedOptions[0].disabled)
        compare.value = [...compare.options].find(({ disabled }) => !disabled).value;
      choose();
      follow(mine);
    },
    hide() {
      ticket++;
      shown = null;
      video.pause();
      video.removeAttribute("src");
      for (const node of [video, overlay, divide, find("#line-of-divide"), find("#result-tools")])
        show(node, false);
    },
    /** What is shown, or null. */
    result: () => shown?.result ?? null,
    /** Offer the sound of a clip that has one. */
    offerSound: (has) => show(find("#sound-choice"), has),
    video,
  };
}
