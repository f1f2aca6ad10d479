// The websocket of ComfyUI: events of our own runs, as DOM events.
import { address } from "./server.mjs";

const PREVIEW = 1;
const TEXT = 3;
const PREVIEW_WITH_METADATA = 4;
const AGAIN = 2000; // milliseconds until the next try

/** Connect, and connect again whenever the line breaks.
 *
 * Events: the server's own by their name with their data as `detail`; `preview` {prompt, blob};
 * `notice` {node, text}; `open` and `lost`.
 */
export function connect(client) {
  const events = new EventTarget();
  const send = (name, detail) => events.dispatchEvent(new CustomEvent(name, { detail }));
  const open = () => {
    const url = address(`ws?clientId=${client}`);
    url.protocol = url.protocol.replace("http", "ws");
    const line = new WebSocket(url);
    line.binaryType = "arraybuffer";
    line.onopen = () => {
      const flags = { supports_preview_metadata: true };
      line.send(JSON.stringify({ type: "feature_flags", data: flags }));
      send("open");
    };
    line.onclose = () => {
      send("lost");
      setTimeout(open, AGAIN);
    };
    line.onmessage = ({ data }) => {
      if (typeof data !== "string") return read(data, send);
      const { type, data: detail } = JSON.parse(data);
      send(type, detail);
    };
  };
  open();
  return events;
}

function read(buffer, send) {
  const view = new DataView(buffer);
  const kind = view.getUint32(0);
  const text = (from, length) => new TextDecoder().decode(new Uint8Array(buffer, from, length));
  if (kind === PREVIEW) {
    const type = view.getUint32(4) === 2 ? "image/png" : "image/jpeg";
    send("preview", { blob: new Blob([new Uint8Array(buffer, 8)], { type }) });
  } else if (kind === PREVIEW_WITH_METADATA) {
    const length = view.getUint32(4);
    const metadata = JSON.parse(text(8, length));
    const blob = new Blob([new Uint8Array(buffer, 8 + length)], { type: metadata.image_type });
    send("preview", { prompt: metadata.prompt_id, blob });
  } else if (kind === TEXT) {
    const length = view.getUint32(4);
    send("notice", { node: text(8, length), text: text(8 + length) });
  }
}
