// The frame of the result: its size, and how a picture of another aspect is cut to it.

const MULTIPLE = 64; // pixels, of every side of a frame

/** Width and height of the frames for a picture, as the node Encode Reference takes them. */
export function frameSize(picture, { shape, size }) {
  const sides = picture && shape === "whole" ? [picture.width, picture.height] : [1, 1];
  const scale = size / Math.min(...sides);
  const [width, height] = sides.map((side) =>
    Math.max(MULTIPLE, Math.round((side * scale) / MULTIPLE) * MULTIPLE),
  );
  return { width, height };
}

/** Map of a picture onto a frame whose centre it fills: x -> x * scale + left, y alike. */
export function cover(picture, frame) {
  const scale = Math.max(frame.width / picture.width, frame.height / picture.height);
  return {
    scale,
    left: (frame.width - picture.width * scale) / 2,
    top: (frame.height - picture.height * scale) / 2,
  };
}

/** Draw a picture so that it fills a canvas, its centre in the centre. */
export function drawCovering(canvas, image, picture) {
  const { scale, left, top } = cover(picture, canvas);
  const context = canvas.getContext("2d");
  context.drawImage(image, left, top, picture.width * scale, picture.height * scale);
}

/** Map of poses onto a frame, nudged as Align Poses does: zoom about the middle, then shift. */
export function placing(poses, frame, { zoom, right, down }) {
  const { scale, left, top } = cover(poses, frame);
  const [width, height] = [poses.width * scale, poses.height * scale];
  return {
    scale: scale * zoom,
    left: left + (width * (1 - zoom)) / 2 + right * width,
    top: top + (height * (1 - zoom)) / 2 + down * height,
  };
}
