"""Loaders: the all-in-one checkpoint, or the appearance model alone."""

from __future__ import annotations

import comfy.controlnet
import comfy.model_patcher
import comfy.sd
import comfy.utils
import folder_paths
import torch
from comfy_api.latest import io

from ..magicpose_core.errors import InputError
from ..magicpose_core.models.sd15 import VaeShape
from ..magicpose_core.weights import recipes
from ..magicpose_core.weights.checkpoint import open_checkpoint
from ..magicpose_core.weights.contents import Part, find_part
from ..magicpose_core.weights.notes import read_note
from . import model_files, native
from .presets import attach_note
from .preview_colours import set_preview_colours
from .sockets import CATEGORY, AppearanceModel, node_id, search_aliases

_RELEASED = (
    "The released checkpoint, model_state-110000.th, is linked from "
    "https://github.com/Boese0601/MagicDance (Getting Started)."
)
_DTYPES = {
    "default": None,
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def _file_input(tooltip: str) -> io.Combo.Input:
    return io.Combo.Input("file", options=model_files.model_names(), tooltip=tooltip)


def _dtype_input() -> io.Combo.Input:
    return io.Combo.Input(
        "dtype",
        options=list(_DTYPES),
        default="default",
        tooltip="Precision of the networks' weights; default leaves the choice to ComfyUI.",
    )


def _is_there(file: str) -> bool | str:
    """Say where a missing file comes from and where it belongs; ComfyUI shows it before a run."""
    try:
        model_files.model_path(file)
    except InputError as error:
        return f"{error}. {_RELEASED}"
    return True


def _fingerprint(file: str) -> str:
    """Name a file's state, so that a file written anew is loaded anew."""
    try:
        status = model_files.model_path(file).stat()
    except (InputError, OSError):
        return f"{file} absent"
    return f"{file} {status.st_size} {status.st_mtime_ns}"


def _weights(part: Part) -> native.Weights:
    return {key: part.file.read(stored) for key, stored in part.keys.items()}


class LoadMagicPoseCheckpoint(io.ComfyNode):
    """The five networks of an all-in-one file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("LoadCheckpoint"),
            display_name="Load MagicPose Checkpoint",
            **search_aliases("MagicDance", "load model"),
            category=CATEGORY,
            description=(
                "Loads the released checkpoint, one converted or trained with this pack, or the "
                f"bundled demo model. Put files into models/magicpose. {_RELEASED}"
            ),
            inputs=[
                _file_input("A whole MagicPose model in models/magicpose or models/checkpoints."),
                _dtype_input(),
            ],
            outputs=[
                io.Model.Output(tooltip="The Stable Diffusion 1.5 U-Net inside"),
                io.Clip.Output(tooltip="Its text encoder"),
                io.Vae.Output(tooltip="Its autoencoder"),
                io.ControlNet.Output(
                    display_name="CONTROL_NET", tooltip="The pose ControlNet, for Apply Pose"
                ),
                AppearanceModel.Output(
                    display_name="APPEARANCE_MODEL", tooltip="For Encode Reference"
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        return _is_there(file)

    @classmethod
    def fingerprint_inputs(cls, file: str, dtype: str) -> str:
        return f"{_fingerprint(file)} {dtype}"

    @classmethod
    def execute(cls, file: str, dtype: str) -> io.NodeOutput:
        opened = open_checkpoint(model_files.model_path(file))
        unet, text, vae, pose, appearance = (
            find_part(opened, name) for name in ("unet", "text", "vae", "pose", "appearance")
        )
        progress = comfy.utils.ProgressBar(5)
        built = []
        for build in (
            lambda: _build_unet(unet, dtype),
            lambda: _build_clip(text),
            lambda: native.build_vae(recipes.VAE.shape(vae), _weights(vae)),
            lambda: _build_control_net(pose, dtype),
            lambda: _build_appearance_model(appearance, dtype),
        ):
            built.append(build())
            progress.update(1)
        note = read_note(opened)
        attach_note(built[0], note)
        attach_note(built[4], note)  # Encode Reference warns of photos
        if recipes.VAE.shape(vae) != VaeShape():  # not Stable Diffusion's
            set_preview_colours(built[0], built[2])
        return io.NodeOutput(*built)


class LoadAppearanceModel(io.ComfyNode):
    """The appearance control model alone, for any SD 1.5 checkpoint."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("LoadAppearanceModel"),
            display_name="Load Appearance Model",
            category=CATEGORY,
            description=(
                "Loads the appearance model out of an all-in-one file, an appearance pretraining "
                "(stage 1) file or a file of its own, to go with any Stable Diffusion 1.5 "
                "checkpoint. Put files into models/magicpose."
            ),
            inputs=[
                _file_input("A file with an appearance model in models/magicpose or checkpoints."),
                _dtype_input(),
            ],
            outputs=[
                AppearanceModel.Output(
                    display_name="APPEARANCE_MODEL", tooltip="For Encode Reference"
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        return _is_there(file)

    @classmethod
    def fingerprint_inputs(cls, file: str, dtype: str) -> str:
        return f"{_fingerprint(file)} {dtype}"

    @classmethod
    def execute(cls, file: str, dtype: str) -> io.NodeOutput:
        opened = open_checkpoint(model_files.model_path(file))
        built = _build_appearance_model(find_part(opened, "appearance"), dtype)
        attach_note(built, read_note(opened))
        return io.NodeOutput(built)


def _build_unet(part: Part, dtype: str) -> comfy.model_patcher.ModelPatcher:
    return native.build_unet(recipes.UNET.shape(part), _weights(part), _DTYPES[dtype])


def _build_appearance_model(part: Part, dtype: str) -> comfy.model_patcher.ModelPatcher:
    shape = recipes.APPEARANCE.shape(part).unet
    return native.build_appearance_unet(shape, _weights(part), _DTYPES[dtype])


def _build_control_net(part: Part, dtype: str) -> comfy.controlnet.ControlNet:
    return native.build_control_net(recipes.POSE.shape(part), _weights(part), _DTYPES[dtype])


def _build_clip(part: Part) -> comfy.sd.CLIP:
    embeddings = folder_paths.get_folder_paths("embeddings")
    return native.build_clip(recipes.TEXT.shape(part), _weights(part), embeddings)
