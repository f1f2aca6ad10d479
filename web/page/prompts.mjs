// The graphs that are queued, in ComfyUI's API form. Nodes have words for names: faults and
// progress tell them back, and `magicpose remote --set sample.steps=20` can name them.

export const DEMO = "magicpose-dancers.safetensors";
const FILTER = {
  filter: "savitzky-golay",
  window: 0.3,
  longest_gap: 0.3,
  jump: 0.1,
  score_threshold: 0.3,
  repair_swaps: true,
};
const ALIGNMENT = {
  anchor: "auto",
  limit: 2.0,
  score_threshold: 0.3,
  keep_inside: true,
  walk: -1.0,
  head_size: 1.0,
  expression: 1.0,
  plant_feet: false,
};
const STYLE = { body: true, hands: true, face: true, score_threshold: 0.3, line_scale: 1.0 };

const call = (class_type, inputs) => ({ class_type, inputs });

/** Poses as they are before a nudge: of the person where they are known, else of the dancer. */
export function fitPrompt(choice) {
  const prompt = { ...danceNodes(choice), ...personNodes(choice), ...fitNodes(choice, STILL) };
  prompt.fit = call("MagicPose_PreviewPoses", { poses: ["aligned", 0], fps: rateOf(choice) });
  return prompt;
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
            ...STYLE,
          }),
        };
  return {
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
      reference_latents: "sample",
      noisy_reference: false,
      seed: 0,
    }),
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
}

function sampling({ seed, steps, strength, model }) {
  const own = steps === null;
  return {
    model: ["model", 0],
    reference: ["reference", 0],
    control_net: ["model", 3],
    pose_maps: ["pose_maps", 0],
    positive: ["text", 0],
    seed,
    preset: own ? "model" : "custom",
    steps: own ? 50 : steps,
    cfg: model === DEMO ? 2.0 : 7.0,
    sampler_name: "ddim_paper",
    scheduler: "ddim_uniform",
    denoise: 1.0,
    control_mode: "image_cfg",
    frames_per_batch: 0,
    strength,
  };
}

/** Nodes of the dance; its poses come from `dance_poses`, pictures of poses from `dance`. */
function danceNodes({ dance, detector }) {
  if (dance.kind === "pictures") return { dance: call("LoadImage", { image: dance.file }) };
  if (dance.kind === "poses")
    return { dance_poses: call("MagicPose_LoadPoses", { file: dance.file, width: 0, height: 0 }) };
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
      download: false,
    }),
    dance_poses: call("MagicPose_SmoothPoses", {
      poses: ["dance_found", 0],
      fps: ["dance_frames", 2],
      ...FILTER,
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
      person_poses: call("MagicPose_LoadPoses", { file: person.poses, width: 0, height: 0 }),
    };
  if (!person || !detector) return {};
  return {
    picture: call("LoadImage", { image: person.file }),
    person_poses: call("MagicPose_DetectPoses", {
      image: ["picture", 0],
      detector,
      download: false,
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
      ...ALIGNMENT,
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
