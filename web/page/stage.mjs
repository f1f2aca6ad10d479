// The stage shows one thing at a time: examples, the fit, the forming clip, the result.
import { find, show } from "./dom.mjs";
import { setUpFitView } from "./fit_view.mjs";
import { setUpResultView } from "./result_view.mjs";
import { put } from "./words.mjs";

/** Set the stage up; `onNudge` gets the moves of the fit. */
export function setUpStage(onNudge) {
  const fit = setUpFitView(onNudge);
  const result = setUpResultView();
  const screen = find("#screen");
  const canvas = find("#canvas");
  let live = false;
  let shown = "examples";

  const open = (title, hint, frame) => {
    put(find("#stage-title"), title);
    put(find("#stage-hint"), hint);
    show(find("#examples"), !frame);
    show(screen, Boolean(frame));
    live = false;
    if (frame) screen.style.setProperty("--aspect", frame.width / frame.height);
    if (title !== shown) find("#stage").scrollIntoView({ block: "nearest" });
    shown = title;
  };
  return {
    result,
    /** The picture, with poses over it once they are known. */
    fit(shown) {
      result.hide();
      open("stage_fit", shown.poses ? "stage_fit_hint" : null, shown.frame);
      show(canvas, true);
      fit.show(shown);
    },
    /** Frames that take turns while they form. */
    live(frame) {
      fit.hide();
      result.hide();
      open("stage_live", null, frame);
      show(canvas, true);
      live = true;
    },
    /** One of those frames. */
    async frame(blob) {
      if (!live) return;
      const bitmap = await createImageBitmap(blob);
      if (live) {
        if (canvas.width !== bitmap.width || canvas.height !== bitmap.height)
          Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
        canvas.getContext("2d").drawImage(bitmap, 0, 0);
        canvas.dataset.frames = Number(canvas.dataset.frames ?? 0) + 1;
      }
      bitmap.close();
    },
    /** A finished clip; `adjustable` where there are poses to move and to run again. */
    async show(finished, adjustable) {
      fit.hide();
      show(find("#adjust"), adjustable);
      open("stage_result", null, finished.frame);
      show(canvas, false);
      result.offerSound(finished.sound);
      await result.show(finished);
    },
    resetNudge: fit.reset,
    /** A line over the screen; no key takes it away. */
    note: (key, values) => put(find("#screen-note"), key, values),
  };
}
