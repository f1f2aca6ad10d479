// How far a run is, and how long it still takes.

// node of our prompts -> its usual share of the time; what is not named takes next to nothing
const SHARES = {
  model: 4,
  dance_frames: 2,
  dance_found: 25,
  person_poses: 2,
  reference: 4,
  sample: 60,
  decode: 14,
  save: 1,
};
const EARLIEST = 0.06; // no time is told before this share is done,
const SOONEST = 3000; // or before as many milliseconds have passed

/** Start the account of a run of these nodes. */
export function account(nodes, now = performance.now()) {
  const done = Object.fromEntries(nodes.map((node) => [node, 0]));
  return { done, begun: now, first: null, at: null };
}

/** Note that nodes need not run, since their results are there: they count for nothing. */
export function leaveOut(book, nodes) {
  for (const node of nodes) delete book.done[node];
}

/** Note ComfyUI's `progress_state`: {node: {value, max, state}}. */
export function note(book, states) {
  for (const [node, { value, max, state }] of Object.entries(states)) {
    if (!(node in book.done)) continue;
    book.done[node] = state === "finished" ? 1 : Math.min(1, value / (max || 1));
    if (state === "running") book.at = { node, value, max };
  }
}

/** Share of the run that is done, 0 to 1. */
export function share(book) {
  let [all, done] = [0, 0];
  for (const [node, part] of Object.entries(book.done)) {
    const weight = SHARES[node] ?? 0.1;
    all += weight;
    done += weight * part;
  }
  return all ? done / all : 0;
}

/** Seconds that are left, null while nobody can know. */
export function secondsLeft(book, now = performance.now()) {
  const part = share(book);
  const passed = now - book.begun;
  if (part < EARLIEST || passed < SOONEST) return null;
  return ((passed / part) * (1 - part)) / 1000;
}
