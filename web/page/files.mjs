// Files that people drop or choose: what they are, and what the browser can read of them.
import { Fault } from "./faults.mjs";

/** Let a drop zone take files, by its input or dropped onto it. */
export function takeFiles(zone, onFiles) {
  const input = zone.querySelector("input");
  input.addEventListener("change", () => {
    if (input.files.length) onFiles([...input.files]);
    input.value = ""; // the same file may be chosen again
  });
  const over = (yes) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", yes);
  };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    if (event.dataTransfer.files.length) onFiles([...event.dataTransfer.files]);
  });
}

/** Decode a picture. Throws a Fault where the browser cannot. */
export async function readPicture(source, name) {
  const image = new Image();
  image.src = source instanceof Blob ? URL.createObjectURL(source) : source;
  try {
    await image.decode();
  } catch {
    throw new Fault("not_a_picture", { name });
  }
  return { image, width: image.naturalWidth, height: image.naturalHeight };
}

/** What files for a dance are: "video", "poses", or "pictures". */
export function kindOf(files) {
  const [first] = files;
  if (first.type.startsWith("video/")) return "video";
  if (/\.json$/i.test(first.name)) return "poses";
  if (files.every((file) => file.type.startsWith("image/"))) return "pictures";
  throw new Fault("not_a_dance", { name: first.name });
}

/** Refuse what is no JSON at all; what is in it, the server's readers say. */
export async function checkPoseFile(file) {
  try {
    JSON.parse(await file.text());
  } catch {
    throw new Fault("not_poses", { name: file.name });
  }
}
