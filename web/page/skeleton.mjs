// Keypoints as OpenPose draws them, on a canvas. The poses that are rendered are drawn by the node
// Draw Poses; this is to look at.

// 18 points of the body: pairs of points and colours of the bones, as OpenPose has them
const BONES = [
  [1, 2], [1, 5], [2, 3], [3, 4], [5, 6], [6, 7], [1, 8], [8, 9], [9, 10], [1, 11], [11, 12],
  [12, 13], [1, 0], [0, 14], [14, 16], [0, 15], [15, 17],
]; // prettier-ignore
const FINGERS = [0, 1, 2, 3, 4].flatMap((finger) =>
  [0, 1, 2, 3].map((joint) => [joint ? finger * 4 + joint : 0, finger * 4 + joint + 1]),
);
const hue = (index, count) => `hsl(${Math.round((360 * index) / count)} 100% 50%)`;
const BONE_COLOURS = BONES.map((_, index) => hue(index, BONES.length));
const FINGER_COLOURS = FINGERS.map((_, index) => hue(index, FINGERS.length));
const THRESHOLD = 0.3; // score of a point that counts

/** Read a pose file of the page's samples or of Preview Poses: {width, height, fps, frames}.
 *
 * A frame is a list of people, a person {body, hands, face}, each a list of [x, y, score].
 */
export function readPoses(value) {
  const [first] = value.frames;
  return {
    width: first.canvas_width,
    height: first.canvas_height,
    fps: value.fps,
    frames: value.frames.map(({ people }) => people.map(readPerson)),
  };
}

function readPerson(person) {
  return {
    body: inThrees(person.pose_keypoints_2d),
    hands: [person.hand_left_keypoints_2d, person.hand_right_keypoints_2d].map(inThrees),
    face: inThrees(person.face_keypoints_2d),
  };
}

function inThrees(flat) {
  const points = [];
  for (let at = 0; at + 2 < (flat?.length ?? 0); at += 3) points.push(flat.slice(at, at + 3));
  return points;
}

/** Draw the people of a frame with a map of places {scale, left, top} (see frame.mjs). */
export function drawPeople(context, people, { scale, left, top }, line) {
  const place = ([x, y]) => [x * scale + left, y * scale + top];
  context.lineCap = "round";
  for (const { body, hands, face } of people) {
    drawBones(context, body, BONES, BONE_COLOURS, place, line);
    for (const hand of hands) drawBones(context, hand, FINGERS, FINGER_COLOURS, place, line / 3);
    context.fillStyle = "#fff";
    for (const point of face)
      if (point[2] > THRESHOLD) dot(context, place(point), Math.max(0.8, line / 5));
    context.fillStyle = "#fff";
    for (const point of body) if (point[2] > THRESHOLD) dot(context, place(point), line / 2.4);
  }
}

function drawBones(context, points, bones, colours, place, line) {
  context.lineWidth = line;
  bones.forEach(([from, to], index) => {
    const ends = [points[from], points[to]];
    if (!ends.every((point) => point?.[2] > THRESHOLD)) return;
    context.strokeStyle = colours[index];
    context.beginPath();
    context.moveTo(...place(ends[0]));
    context.lineTo(...place(ends[1]));
    context.stroke();
  });
}

function dot(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
