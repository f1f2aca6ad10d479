// Run and cancel: the button, the progress, and what is told about both.
import { showFaults } from "./card.mjs";
import { find, show, tell } from "./dom.mjs";
import { wordsOf } from "./faults.mjs";
import { cancel, follow, queue } from "./jobs.mjs";
import { duration, put, say } from "./words.mjs";

const KEPT = "magicpose.run"; // the run of this tab, in sessionStorage: a reload goes on with it
const TOLD = new Set(["sample", "decode", "model", "dance_found"]); // nodes that have words

/** Set runs up.
 *
 * Args:
 *   client: Of the websocket.
 *   socket: Its events.
 *   on: {begin(record), frame(blob), end(record, ended)}.
 *
 * Returns how to begin one, how to take up that of before a reload, and whether one is running.
 */
export function setUpRun(client, socket, on) {
  const [start, stop, status, progress] = ["#run", "#cancel", "#run-status", "#progress"].map(
    (name) => find(name),
  );
  let record = null;

  socket.addEventListener("preview", ({ detail }) => {
    if (record && (detail.prompt ?? record.id) === record.id) on.frame(detail.blob);
  });
  socket.addEventListener("notice", ({ detail }) => {
    if (record && detail.node in record.prompt && detail.node !== "aligned")
      tell(find("#run-note"), detail.text);
  });
  stop.addEventListener("click", () => {
    stop.disabled = true;
    if (record) cancel(record.id).catch((error) => tell(find("#run-fault"), wordsOf(error, say)));
  });

  const busy = (yes) => {
    const [from, to] = yes ? [start, stop] : [stop, start];
    const focused = document.activeElement === from;
    show(from, false);
    show(to, true);
    show(progress, yes);
    start.disabled = stop.disabled = false;
    if (focused) to.focus({ preventScroll: true });
  };
  const tellProgress = ({ phase, ahead, share, left, at }) => {
    if (phase === "queued") {
      progress.removeAttribute("value");
      put(status, ahead ? "queued" : "queued_next", { n: ahead });
      return;
    }
    progress.value = share;
    const words = [at && TOLD.has(at.node) ? say(`at_${at.node}`, at) : say("running")];
    if (left !== null) words.push(say("left", { time: duration(left) }));
    put(status, null);
    tell(status, words.join(" · "));
  };
  const watch = async (now) => {
    record = now;
    busy(true);
    on.begin(record);
    const ended = await follow(record.id, Object.keys(record.prompt), socket, tellProgress);
    const finished = record;
    record = null;
    sessionStorage.removeItem(KEPT);
    busy(false);
    put(status, { done: "done", cancelled: "cancelled" }[ended.phase]);
    if (ended.phase === "failed") showFaults(ended.faults);
    await on.end(finished, ended);
  };
  return {
    /** Queue a prompt and see it through; `details` are kept with its result. */
    async begin(prompt, details) {
      showFaults([]);
      tell(find("#run-note"), "");
      put(status, "sending");
      start.disabled = true;
      try {
        const id = await queue(prompt, client);
        const now = { id, prompt, at: Date.now(), ...details };
        sessionStorage.setItem(KEPT, JSON.stringify(now));
        await watch(now);
      } catch (error) {
        start.disabled = false;
        put(status, null);
        if (error.values?.faults) showFaults(error.values.faults);
        else tell(find("#run-fault"), wordsOf(error, say));
      }
    },
    /** Go on with the run of before a reload, if there is one. */
    resume() {
      const kept = sessionStorage.getItem(KEPT);
      if (kept) watch(JSON.parse(kept));
    },
    running: () => record !== null,
  };
}
