// Addresses of this ComfyUI, and its answers. Everything is relative to where the page lies, so
// that a path prefix of a proxy stays.
import { Fault } from "./faults.mjs";

const ROOT = new URL("../../../", import.meta.url); // of /extensions/NAME/page/
export const FOLDER = "magicpose"; // in the input folder

export const here = (path) => new URL(path, import.meta.url);
export const address = (path) => new URL(path, ROOT);

/** Address of a file that the server holds: {filename, subfolder, type}. */
export function fileAddress(file) {
  const { filename, subfolder, type } = file;
  return address(`api/view?${new URLSearchParams({ filename, subfolder, type })}`);
}

/** Address of a file in the input folder by the name that nodes give it. */
export function inputAddress(name) {
  const cut = name.lastIndexOf("/");
  const [subfolder, filename] = [name.slice(0, Math.max(cut, 0)), name.slice(cut + 1)];
  return fileAddress({ filename, subfolder, type: "input" });
}

/** GET a JSON value. */
export async function get(path) {
  const answer = await reach(path instanceof URL ? path : address(`api/${path}`));
  if (!answer.ok) throw new Fault("refused", { status: answer.status });
  return answer.json();
}

/** POST a JSON value; returns the status and the answer, which may be empty. */
export async function post(path, value) {
  const answer = await reach(address(`api/${path}`), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(value),
  });
  const text = await answer.text();
  let said = null;
  try {
    said = text ? JSON.parse(text) : null;
  } catch {
    said = null; // an answer of a proxy, not of ComfyUI
  }
  return { status: answer.status, said };
}

/** Send a file to the input folder; returns the name that nodes know it by. */
export async function upload(file, name = file.name) {
  const form = new FormData();
  form.append("image", file, name);
  form.append("subfolder", FOLDER);
  const answer = await reach(address("api/upload/image"), { method: "POST", body: form });
  if (answer.status === 413) throw new Fault("too_large", { name });
  if (!answer.ok) throw new Fault("not_taken", { name, status: answer.status });
  const stored = await answer.json();
  return stored.subfolder ? `${stored.subfolder}/${stored.name}` : stored.name;
}

async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch {
    throw new Fault("no_server");
  }
}
