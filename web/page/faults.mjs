// What went wrong, in words: a key of the page's own words, or what the server said.

/** An error that the page has words for. */
export class Fault extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

// node of our prompts -> part of the page where a fault of it is shown
const PLACES = {
  picture: "person",
  person_poses: "person",
  dance: "dance",
  dance_video: "dance",
  dance_part: "dance",
  dance_frames: "dance",
  dance_images: "dance",
  dance_some: "dance",
  dance_found: "dance",
  dance_poses: "dance",
  model: "model",
};

/** Part of the page that a node's fault belongs to; "run" where it is nobody's. */
export const placeOf = (node) => PLACES[node] ?? "run";

/** What a refused prompt says: [{place, text}], from ComfyUI's answer to POST /prompt. */
export function refusals(answer) {
  const found = [];
  for (const [node, told] of Object.entries(answer?.node_errors ?? {}))
    for (const error of told.errors ?? [])
      found.push({ place: placeOf(node), text: error.details || error.message });
  if (!found.length) found.push({ place: "run", text: answer?.error?.message ?? "?" });
  return found;
}

/** What a failed run says: [{place, text}], from its last message or event. */
export function failure(event) {
  const text = (event?.exception_message ?? "").trim() || event?.exception_type || "?";
  return [{ place: placeOf(event?.node_id), text }];
}

/** Words of any error for people. */
export function wordsOf(error, say) {
  return error instanceof Fault ? say(error.key, error.values) : String(error?.message ?? error);
}
