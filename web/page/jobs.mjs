// Jobs of this page: queued, followed to their end, and cancelled; nobody else's are touched.
import { Fault, failure, refusals } from "./faults.mjs";
import { account, leaveOut, note, secondsLeft, share } from "./progress.mjs";
import { get, post } from "./server.mjs";

const OWN = "magicpose.own"; // ids of this tab, in sessionStorage: a reload follows them on
const POLL = 2000; // milliseconds; the socket is quicker, this one is sure

const own = new Set(JSON.parse(sessionStorage.getItem(OWN) ?? "[]"));

/** A lower-case UUID; crypto.randomUUID is absent on plain http. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

/** Queue a prompt; returns its id. Throws a Fault whose values.faults say what is wrong where. */
export async function queue(prompt, client) {
  const id = newId();
  remember(id);
  const { status, said } = await post("prompt", {
    prompt,
    prompt_id: id,
    client_id: client,
    extra_data: { preview_method: "latent2rgb" },
  });
  if (status === 200) return id;
  own.delete(id);
  throw new Fault("refused_prompt", { faults: refusals(said) });
}

/** Cancel a job that this page has queued; others are left alone. */
export async function cancel(id) {
  if (!own.has(id)) return;
  if (await cancelsJobs()) {
    await post(`jobs/${id}/cancel`, {});
    return;
  }
  await post("queue", { delete: [id] }); // does nothing to the running one
  await post("interrupt", { prompt_id: id }); // does nothing unless this one is running
}

/** Whether the server cancels a job in one step, as ComfyUI does from 0.26 on. */
async function cancelsJobs() {
  const { system } = await get("system_stats");
  const [major, minor] = system.comfyui_version.split(".").map(Number);
  return major > 0 || minor >= 26;
}

/** Follow a job until it ends.
 *
 * `onChange` gets {phase: "queued" | "running", ahead, share, left, at}. Resolves to
 * {phase: "done", outputs}, {phase: "cancelled"} or {phase: "failed", faults}.
 */
export function follow(id, nodes, socket, onChange) {
  let book = null;
  let ahead = 0;
  const tell = () => {
    if (!book) onChange({ phase: "queued", ahead, share: 0, left: null, at: null });
    else onChange({ phase: "running", share: share(book), left: secondsLeft(book), at: book.at });
  };
  return new Promise((resolve) => {
    const handlers = {
      execution_start: () => begin(),
      execution_cached: (data) => leaveOut(begin(), data.nodes),
      progress_state: (data) => {
        note(begin(), data.nodes);
        tell();
      },
      execution_success: () => look(),
      execution_error: () => look(),
      execution_interrupted: () => look(),
    };
    const hear = (event) => {
      if (event.detail?.prompt_id === id) handlers[event.type](event.detail);
    };
    const begin = () => {
      if (!book) {
        book = account(nodes);
        tell();
      }
      return book;
    };
    const look = async () => {
      const seen = await state(id).catch(() => null); // the server may be gone for a while
      if (seen?.ended) finish(seen.ended);
      else if (seen?.running) begin();
      else if (seen && !book) {
        ahead = seen.ahead;
        tell();
      }
    };
    const timer = setInterval(look, POLL);
    const finish = (ended) => {
      clearInterval(timer);
      for (const name of Object.keys(handlers)) socket.removeEventListener(name, hear);
      socket.removeEventListener("status", look);
      resolve(ended);
    };
    for (const name of Object.keys(handlers)) socket.addEventListener(name, hear);
    socket.addEventListener("status", look);
    look();
  });
}

/** Where a job stands: {ended}, {running}, or {ahead}. One that is nowhere was cancelled. */
async function state(id) {
  const queued = await get("queue");
  if (queued.queue_running.some((job) => job[1] === id)) return { running: true };
  const order = queued.queue_pending.sort((one, other) => one[0] - other[0]).map((job) => job[1]);
  if (order.includes(id)) return { ahead: order.indexOf(id) + queued.queue_running.length };
  const entry = (await get(`history/${id}`))[id];
  return { ended: entry ? ending(entry) : { phase: "cancelled" } };
}

function ending({ status, outputs }) {
  if (status.status_str === "success") return { phase: "done", outputs };
  const messages = Object.fromEntries(status.messages);
  if ("execution_interrupted" in messages) return { phase: "cancelled" };
  return { phase: "failed", faults: failure(messages.execution_error) };
}

function remember(id) {
  own.add(id);
  sessionStorage.setItem(OWN, JSON.stringify([...own].slice(-50)));
}
