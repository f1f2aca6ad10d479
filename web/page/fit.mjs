// The poses of the dance on the body of the person, asked of the server before a run.
import { Fault } from "./faults.mjs";
import { cancel, follow, queue } from "./jobs.mjs";
import { fitPrompt } from "./prompts.mjs";
import { fileAddress, get } from "./server.mjs";
import { readPoses } from "./skeleton.mjs";

/** Set the asking up; only the newest question is answered, older ones are cancelled. */
export function setUpFit(client, socket) {
  let running = null;
  /** Poses in the picture's coordinates, before any nudge; null where a newer question came.
   *
   * `onWait` gets the number of jobs before this one, or null once it runs. Throws Faults.
   */
  return async (choice, onWait) => {
    const mine = (running = { id: null, older: running?.id });
    if (mine.older) cancel(mine.older).catch(() => {});
    const prompt = fitPrompt(choice);
    mine.id = await queue(prompt, client);
    if (running !== mine) {
      cancel(mine.id).catch(() => {});
      return null;
    }
    const ended = await follow(mine.id, Object.keys(prompt), socket, ({ phase, ahead }) => {
      if (running === mine) onWait(phase === "queued" ? ahead : null);
    });
    if (running !== mine) return null;
    running = null;
    if (ended.phase === "failed") throw new Fault("refused_prompt", { faults: ended.faults });
    if (ended.phase === "cancelled") return null;
    return readPoses(await get(fileAddress(ended.outputs.fit.poses[0])));
  };
}
