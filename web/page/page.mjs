// The page for people without graphs: what was chosen, and who is told of it.
import { showFaults } from "./card.mjs";
import { setUpDance } from "./dance_card.mjs";
import { element, find, tell } from "./dom.mjs";
import { setUpEarlier, thumbOf } from "./earlier.mjs";
import { wordsOf } from "./faults.mjs";
import { setUpFit } from "./fit.mjs";
import { frameSize } from "./frame.mjs";
import { newId } from "./jobs.mjs";
import { setUpPerson } from "./person_card.mjs";
import { setUpPreferences } from "./preferences.mjs";
import { DEMO, OWN_NODES, STILL, clipPrompt } from "./prompts.mjs";
import { setUpRun } from "./run.mjs";
import { EXAMPLES, playSmall, samplePicture } from "./samples.mjs";
import { address, get } from "./server.mjs";
import { setUpSettings } from "./settings_card.mjs";
import { connect } from "./socket.mjs";
import { setUpStage } from "./stage.mjs";
import { put, say } from "./words.mjs";

const CLIENT = "magicpose.client";
const client = sessionStorage.getItem(CLIENT) ?? newId();
sessionStorage.setItem(CLIENT, client);

const socket = connect(client);
const ask = setUpFit(client, socket);
const chosen = { person: null, dance: null, nudge: STILL };
const server = { detector: null, lacks: "", infos: {} };

const stage = setUpStage((nudge) => (chosen.nudge = nudge));
const settings = setUpSettings(() => changed());
const earlier = setUpEarlier((result) => {
  if (!run.running()) stage.show(result, Boolean(chosen.person && chosen.dance));
});
const takePerson = setUpPerson((person) => {
  chosen.person = person;
  fitAnew();
});
const dances = setUpDance((dance) => {
  chosen.dance = dance;
  fitAnew();
});
const run = setUpRun(client, socket, {
  begin: ({ frame }) => stage.live(frame),
  frame: (blob) => stage.frame(blob),
  end: finish,
});

let fitted = null; // {poses} of the persons and dance that are chosen, null while unknown

const choice = () => ({
  ...chosen,
  settings: settings.read(),
  detector: server.detector,
  infos: server.infos,
});
const frame = () => frameSize(chosen.person, settings.read());

/** Say what is missing, and let Run be pressed when nothing is. */
function changed() {
  missing();
  if (run.running()) return;
  if (chosen.person && !stage.result.result()) showFit();
}

function missing() {
  const { person, dance } = chosen;
  const { model } = settings.read();
  const undetected = dance?.kind === "video" && !server.detector;
  const placedByHand = person && !person.poses && !server.detector && dance?.kind === "poses";
  put(find("#person .note"), placedByHand ? "no_detector_person" : null, { lacks: server.lacks });
  put(find("#dance .note"), undetected ? "no_detector_dance" : null, { lacks: server.lacks });
  const stranger = model === DEMO && person && !person.sample;
  put(find("#settings .note"), !model ? "model_absent" : stranger ? "demo_with_photo" : null);
  find("#run").disabled = run.running() || !person || !dance || undetected || !model;
  if (run.running()) return;
  const status = find("#run-status");
  put(status, !person ? "need_person" : !dance ? "need_dance" : undetected ? null : "ready");
}

function showFit() {
  const { person, dance } = chosen;
  const { canvases, fps } = dance ?? {};
  stage.fit({ person, frame: frame(), poses: fitted, canvases, fps });
}

/** Ask where the dance lies on the picture. */
async function fitAnew() {
  const { person, dance } = chosen;
  fitted = null;
  showFaults([]);
  stage.result.hide();
  stage.note(null);
  stage.resetNudge();
  changed();
  await learned;
  if (person !== chosen.person || dance !== chosen.dance) return;
  if (!person || !dance || dance.kind === "pictures") return;
  if (dance.kind === "video" && !server.detector) return;
  try {
    stage.note("looking");
    const poses = await ask(choice(), (ahead) =>
      stage.note(ahead ? "waiting_fit" : "looking", { n: ahead }),
    );
    if (!poses) return;
    fitted = poses;
    if (!run.running() && !stage.result.result()) showFit();
  } catch (error) {
    if (error.values?.faults) showFaults(error.values.faults);
    else tell(find("#run-fault"), wordsOf(error, say));
  }
  stage.note(null);
}

/** Show what came of a run, and keep it. */
async function finish(record, { phase, outputs }) {
  if (phase !== "done") {
    stage.result.hide();
    if (chosen.person) showFit();
    return;
  }
  const result = {
    ...record,
    file: outputs.save.images[0],
    poses: outputs.fit?.poses[0] ?? null,
  };
  await stage.show(result, Boolean(chosen.person && chosen.dance));
  earlier.add({ ...result, thumb: await thumbOf(stage.result.video) });
}

find("#run").addEventListener("click", () => {
  stage.note(null);
  const size = frame();
  run.begin(clipPrompt(choice(), size), {
    frame: size,
    picture: chosen.person.file,
    sound: chosen.dance.kind === "video",
  });
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("#run").click();
});
for (const event of ["dragover", "drop"])
  // beside a drop zone: not away from the page
  document.addEventListener(event, (dropped) => dropped.preventDefault());
find("#adjust").addEventListener("click", () => {
  stage.result.hide();
  showFit();
  find("#zoom").focus({ preventScroll: true });
});
find("#workflow").addEventListener("click", () => {
  const { prompt, file } = stage.result.result();
  const text = JSON.stringify(prompt, null, 1);
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  element("a", { href: url, download: file.filename.replace(/\.\w+$/, ".json") }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
});
socket.addEventListener("lost", () => put(find("#line"), "lost"));
socket.addEventListener("open", () => put(find("#line"), null));

for (const { person, dance } of EXAMPLES) {
  const picture = element("img", { src: samplePicture(person).href, alt: "" });
  const canvas = element("canvas", { "aria-hidden": "true" });
  const pair = element("span", { className: "pair" }, picture, canvas);
  const words = element("span");
  const tile = element("button", { type: "button", className: "example" }, pair, words);
  put(words, `sample_${dance}`);
  tile.addEventListener("click", async () => {
    settings.choose(DEMO);
    await takePerson(person);
    await dances.takeSample(dance);
    find("#run").focus();
  });
  find("#examples").append(tile);
  playSmall(canvas, dance).catch(() => {}); // the name alone says it too
}

/** Ask what this ComfyUI has: models, detectors, and a node that cuts videos. */
async function learn() {
  find("#graph").href = address("").href;
  try {
    const [loader, detect, slice] = await Promise.all(
      ["MagicPose_LoadCheckpoint", "MagicPose_DetectPoses", "Video%20Slice"].map((name) =>
        get(`object_info/${name}`),
      ),
    );
    if (!loader.MagicPose_LoadCheckpoint) {
      put(find("#line"), "pack_absent");
      return;
    }
    settings.offer(choicesOf(loader.MagicPose_LoadCheckpoint.input.required.file));
    const [, { lacks }] = detect.MagicPose_DetectPoses.input.required.detector;
    server.detector = Object.keys(lacks).find((name) => !lacks[name]) ?? null;
    server.lacks = Object.values(lacks)[0];
    if (Object.keys(slice).length) dances.allowCut();
    const told = await Promise.all(OWN_NODES.map((name) => get(`object_info/${name}`)));
    server.infos = Object.assign({}, ...told);
    changed();
  } catch (error) {
    tell(find("#run-fault"), wordsOf(error, say));
  }
}

const choicesOf = ([kind, options]) => (Array.isArray(kind) ? kind : options.options);

setUpPreferences(() => {
  settings.translate();
  earlier.list();
});
settings.translate();
changed();
const learned = learn();
await learned;
run.resume();
