// The graphs that are queued, in ComfyUI's API form. Nodes have words for names: faults and
// progress tell them back, and `magicpose remote --set sample.steps=20` can name them.

export const DEMO = "magicpose-dancers.safetensors";
const DEMO_MOTION = "magicpose-motion-dancers.safetensors"; // made for it alone
/** Nodes whose inputs, where a graph here does not name them, take the defaults that they tell. */
export const OWN_NODES = [
  "MagicPose_AlignPoses",
  "MagicPose_DetectPoses",
  "MagicPose_DrawPoses",
  "MagicPose_EncodeReference",
  "MagicPose_LoadPoses",
  "MagicPose_Sample",
  "MagicPose_SmoothPoses",
];

const call = (class_type, inputs) => ({ class_type, inputs });

/** Give nodes the defaults of what they require; `infos` are ComfyUI's, by the nodes' classes. */
function completed(prompt, infos) {
  for (const { class_type, inputs } of Object.values(prompt))
    for (const [name, [kind, options]] of Object.entries(infos[class_type]?.input.required ?? {}))
      if (!(name in inputs)) {
        const first = Array.isArray(kind) ? kind[0] : options?.options?.[0];
        const value = options?.default ?? first;
        if (value !== undefined) inputs[name] = value;
      }
  return prompt;
}

/** Poses as they are before a nudge: of the person where they are known, else of the dancer. */
export function fitPrompt(choice) {
  const prompt = { ...danceNodes(choice), ...personNodes(choice), ...fitNodes(choice, STILL) };
  prompt.fit = call("MagicPose_PreviewPoses", { poses: ["aligned", 0], fps: rateOf(choice) });
  return completed(prompt, choice.infos);
}

export const STILL = { zoom: 1, right: 0, down: 0 };

/** From picture and dance to the saved video. */
export function clipPrompt(choice, frame) {
  const { settings, person, nudge } = choice;
  const poses =
    choice.dance.kind === "pictures"
      ? { ...danceNodes(choice), pose_maps: scaled(["dance", 0], frame) }
      : {
          ...danceNodes(choice),
          ...personNodes(choice),
          ...fitNodes(choice, nudge),
          fit: call("MagicPose_PreviewPoses", { poses: ["aligned", 0], fps: rateOf(choice) }),
          pose_maps: call("MagicPose_DrawPoses", {
            poses: ["aligned", 0],
            ...frame,
            fit: "crop",
          }),
        };
  const prompt = {
    picture: call("LoadImage", { image: person.file }),
    ...poses,
    model: call("MagicPose_LoadCheckpoint", { file: settings.model, dtype: "default" }),
    text: call("CLIPTextEncode", { clip: ["model", 1], text: "" }),
    reference: call("MagicPose_EncodeReference", {
      appearance_model: ["model", 4],
      image: ["picture", 0],
      vae: ["model", 2],
      shorter_side: settings.size,
      square: settings.shape === "square",
      seed: 0,
    }),
    ...motionNodes(settings),
    sample: call("MagicPose_Sample", sampling(settings)),
    decode: call("MagicPose_DecodeFrames", { samples: ["sample", 0], vae: ["model", 2] }),
    video: call("CreateVideo", {
      images: ["decode", 0],
      fps: rateOf(choice),
      ...(choice.dance.kind === "video" ? { audio: ["dance_frames", 1] } : {}),
    }),
    save: call("SaveVideo", {
      video: ["video", 0],
      filename_prefix: "video/MagicPose",
      format: "mp4",
      codec: "h264",
    }),
  };
  return completed(prompt, choice.infos);
}

/** The bundled motion module behind the bundled model, and none behind others. */
function motionNodes({ model }) {
  if (model !== DEMO) return {};
  return {
    motion: call("MagicPose_ApplyMotion", { model: ["model", 0], motion_module: DEMO_MOTION }),
  };
}

function sampling({ seed, steps, strength, model }) {
  const own = steps === null;
  return {
    model: [model === DEMO ? "motion" : "model", 0],
    reference: ["reference", 0],
    control_net: ["model", 3],
    pose_maps: ["pose_maps", 0],
    positive: ["text", 0],
    seed,
    ...(own ? { preset: "model" } : { preset: "custom", steps }),
    cfg: model === DEMO ? 2.0 : 7.0,
    strength,
  };
}

/** Nodes of the dance; its poses come from `dance_poses`, pictures of poses from `dance`. */
function danceNodes({ dance, detector }) {
  if (dance.kind === "pictures") return { dance: call("LoadImage", { image: dance.file }) };
  if (dance.kind === "poses")
    return { dance_poses: call("MagicPose_LoadPoses", { file: dance.file }) };
  const cut = dance.start > 0;
  const nodes = {
    dance_video: call("LoadVideo", { file: dance.file }),
    dance_frames: call("GetVideoComponents", { video: [cut ? "dance_part" : "dance_video", 0] }),
    dance_some: call("ImageFromBatch", {
      image: ["dance_frames", 0],
      batch_index: 0,
      length: dance.most,
    }),
    dance_found: call("MagicPose_DetectPoses", {
      image: ["dance_some", 0],
      detector,
    }),
    dance_poses: call("MagicPose_SmoothPoses", {
      poses: ["dance_found", 0],
      fps: ["dance_frames", 2],
    }),
  };
  if (cut)
    nodes.dance_part = call("Video Slice", {
      video: ["dance_video", 0],
      start_time: dance.start,
      duration: 0.0,
      strict_duration: false,
    });
  return nodes;
}

/** Nodes that know where the person stands, none where nothing can tell. */
function personNodes({ person, detector }) {
  if (person?.poses)
    return {
      person_poses: call("MagicPose_LoadPoses", { file: person.poses }),
    };
  if (!person || !detector) return {};
  return {
    picture: call("LoadImage", { image: person.file }),
    person_poses: call("MagicPose_DetectPoses", {
      image: ["picture", 0],
      detector,
    }),
  };
}

function fitNodes(choice, { zoom, right, down }) {
  const known = Object.keys(personNodes(choice)).length > 0;
  return {
    aligned: call("MagicPose_AlignPoses", {
      poses: ["dance_poses", 0],
      reference_poses: [known ? "person_poses" : "dance_poses", 0],
      strength: known ? 1.0 : 0.0,
      keep_inside: known,
      zoom,
      shift_x: right,
      shift_y: down,
    }),
  };
}

function scaled(image, { width, height }) {
  return call("ImageScale", { image, upscale_method: "area", width, height, crop: "center" });
}

function rateOf({ dance }) {
  if (dance.kind === "pictures") return dance.fps;
  return dance.kind === "poses" ? ["dance_poses", 1] : ["dance_frames", 2];
}
