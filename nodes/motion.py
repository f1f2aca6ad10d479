"""Motion modules in ComfyUI's U-Net: frames of a pass see each other between its blocks.

While the model runs, forward hooks on its blocks (PyTorch's own, taken off again whatever happens)
put each temporal transformer behind the block that it follows; nothing is left in the MODEL.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import comfy.model_management
import comfy.model_patcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor, nn

from ..magicpose_core.errors import InputError
from ..magicpose_core.models.motion_plan import MotionPlace, MotionShape, motion_places
from ..magicpose_core.models.sd15 import UNetShape
from ..magicpose_core.sampling.windows import USUAL_OVERLAP
from ..magicpose_core.weights.notes import NOT_ONE_NOISE
from .comfy_types import Options
from .notices import warn

_KEY = "magicpose_motion"  # of the wrapper, of the module among the models, and of the options
_ANIMATEDIFF = "ADE"  # AnimateDiff-Evolved's injections in a MODEL


class MotionModel(nn.Module):
    """The core's motion module in a form that ComfyUI may note device and dtype on."""

    def __init__(self, network: nn.Module, shape: MotionShape, *, one_noise: bool = False) -> None:
        super().__init__()
        self.network = network
        self.shape = shape
        self.one_noise = one_noise  # what its file notes: it knows frames of one noise alone


def apply_motion(
    model: comfy.model_patcher.ModelPatcher, motion: comfy.model_patcher.ModelPatcher
) -> comfy.model_patcher.ModelPatcher:
    """Let the frames of a MODEL see each other through a module; the given MODEL stays as it is.

    Raises:
        InputError: The MODEL is no SD 1.5 or of another width, or has a motion module already.
    """
    shape = motion.model.shape
    if motion_of(model.model_options.get("transformer_options", {})) is not None:
        raise InputError("model has a motion module already; apply one only")
    if model.injections.get(_ANIMATEDIFF):
        raise InputError(
            "model has a motion module of AnimateDiff-Evolved already; apply one only, and let its "
            "Context Options cut the clip"
        )
    places = list(motion_places(shape, _unet_shape(model, shape)))
    patched = model.clone()
    wrapper = _model_wrapper(motion, places)
    patched.add_wrapper_with_key(WrappersMP.APPLY_MODEL, _KEY, wrapper)
    if motion.model.one_noise:
        patched.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, _KEY, _watch_noise)
    patched.set_additional_models(_KEY, [motion])
    patched.model_options["transformer_options"][_KEY] = shape  # clone() copies the dict
    return patched


def motion_of(options: Options) -> MotionShape | None:
    """Give the motion module that a MODEL's options name; None where there is none."""
    shape: MotionShape | None = options.get(_KEY)
    return shape


def windows_of(options: Options, length: int, overlap: int) -> tuple[int, int]:
    """Give length and overlap of windows, those of the motion module where no length is given."""
    shape = motion_of(options)
    if length or shape is None:
        return length, overlap
    return shape.window_length, min(USUAL_OVERLAP, shape.window_length - 1)


def _watch_noise(
    sample: Callable[..., Tensor],
    guider: object,
    sigmas: Tensor,
    extra_args: dict[str, Any],
    callback: object,
    noise: Tensor,
    *more: object,
    **named: object,
) -> Tensor:
    if (noise != noise[:1]).any():
        warn(NOT_ONE_NOISE)
    return sample(guider, sigmas, extra_args, callback, noise, *more, **named)


def _model_wrapper(
    motion: comfy.model_patcher.ModelPatcher, places: Sequence[MotionPlace]
) -> Callable[..., Tensor]:
    def run(
        apply: Any,  # comfy's WrapperExecutor: callable, and knows the model
        x: Tensor,
        t: Tensor,
        c_concat: Tensor | None = None,
        c_crossattn: Tensor | None = None,
        control: object = None,
        transformer_options: Options | None = None,
        **more: object,
    ) -> Tensor:
        options = {} if transformer_options is None else transformer_options
        frames = x.shape[0] // len(options.get("cond_or_uncond", [0]))
        _check_length(frames, motion.model.shape)
        network = apply.class_obj.diffusion_model
        with _between_blocks(network, motion.model, places, frames):
            result: Tensor = apply(x, t, c_concat, c_crossattn, control, options, **more)
        return result

    return run


@contextlib.contextmanager
def _between_blocks(
    network: nn.Module, motion: MotionModel, places: Sequence[MotionPlace], frames: int
) -> Iterator[None]:
    """Let each temporal transformer follow its block while the context lasts."""
    with contextlib.ExitStack() as hooks:
        for place in places:
            block = network.get_submodule(place.follows)
            temporal = motion.network.get_submodule(place.name)
            handle = block.register_forward_hook(_follow_with(temporal, frames))
            hooks.callback(handle.remove)
        yield


def _follow_with(
    temporal: nn.Module, frames: int
) -> Callable[[nn.Module, tuple[object, ...], Tensor], Tensor]:
    weight = next(temporal.parameters())

    def attend(_: nn.Module, __: tuple[object, ...], hidden: Tensor) -> Tensor:
        if hidden.shape[0] % frames:
            raise InputError(
                "frames of one pass are run apart, since their texts differ and the appearance "
                "model reads them; connect clip to Encode Reference, so that it reads none"
            )
        attended: Tensor = temporal(hidden.to(weight), num_frames=frames)
        return attended.to(hidden)

    return attend


def _check_length(frames: int, shape: MotionShape) -> None:
    if frames > shape.positions:
        raise InputError(
            f"{frames} frames go through the model together, and the motion module tells "
            f"{shape.positions} apart; put a Frame Batcher between Apply Motion and the sampler, "
            f"or set its window_length to {shape.window_length}"
        )


def _unet_shape(model: comfy.model_patcher.ModelPatcher, motion: MotionShape) -> UNetShape:
    """Give the plan of a MODEL of the module's widths.

    Raises:
        InputError: It has others, or is no SD 1.5.
    """
    config = model.model.model_config.unet_config
    if "model_channels" not in config:
        raise InputError(
            f"model is a {type(model.model).__name__} model; connect a Stable Diffusion 1.5 model"
        )
    channels = tuple(config["model_channels"] * factor for factor in config["channel_mult"])
    resnets = config["num_res_blocks"][0]
    depth = config["transformer_depth"]
    unet = UNetShape(
        channels=channels,
        attention=tuple(depth[level * resnets] > 0 for level in range(len(channels))),
        resnets=resnets,
        context=config["context_dim"],
    )
    if not motion.fits(unet):
        raise InputError(
            f"motion_module is for a U-Net of channels {list(motion.channels)}, and model has "
            f"{list(channels)}; choose a module made for this model"
        )
    return unet
