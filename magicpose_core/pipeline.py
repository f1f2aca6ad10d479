"""A loaded model, which renders a person in poses, in any form they come."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .clip import ClipSource, RenderedClip, as_json
from .clip_checks import (
    check_inputs,
    check_rooms,
    check_windows,
    warn_of_other_betas,
    warn_of_other_noise,
)
from .clip_settings import DEFAULT_FPS, Fit
from .deflicker import deflicker
from .demo.photos import photo_warning
from .errors import InputError
from .images import fit_size, to_uint8
from .models.compiled import compile_networks
from .models.text import tokenize
from .pictures import Pictures, read_pictures
from .placement import choose_placement
from .poses import Poses, PoseSettings, PreparedPoses, in_words, paths_in, prepare_poses
from .rendering import decode_frames, sample_clip
from .sampling.denoise import OnSamplingStep
from .sampling.settings import SamplingSettings
from .sizes import check_size, default_size
from .timing import Stopwatch
from .version import __version__
from .video.reader import Frame
from .weights.convert import DtypeName
from .weights.loading import MagicPoseModels
from .weights.settings import ModelFiles

_log = logging.getLogger("magicpose")


class MagicPosePipeline:
    """A loaded model, ready to render.

    Attributes:
        models: The networks.
        files: Where they come from, None where they were made otherwise.
        tokenizer: Folder of the tokenizer, None where prompts cannot be read.
        dtype_from: Why the weights are kept in this precision, for the settings of clips.
        loading: Seconds that loading took, by part.
    """

    def __init__(
        self,
        models: MagicPoseModels,
        *,
        files: ModelFiles | None = None,
        tokenizer: Path | None = None,
        dtype_from: str = "named",
        loading: Stopwatch | None = None,
    ) -> None:
        """Take networks that are loaded; they stay the caller's."""
        self.models = models
        self.files = files
        self.tokenizer = tokenizer
        self.dtype_from = dtype_from
        self.loading = Stopwatch() if loading is None else loading

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return torch.device(self.models.vae.device)

    @property
    def dtype(self) -> torch.dtype:
        """What their weights are kept in."""
        return torch.empty(0, dtype=self.models.vae.dtype).dtype

    def to(
        self,
        device: str | torch.device | None = None,
        dtype: DtypeName | torch.dtype | None = None,
    ) -> MagicPosePipeline:
        """Move the networks, in place; what is None stays as it is.

        Raises:
            InputError: The device is not there.
        """
        place, kind = choose_placement(
            self.device if device is None else device, self.dtype if dtype is None else dtype
        )
        for network in (self.models.denoiser, self.models.vae, self.models.text):
            network.to(place, kind)
        if dtype is not None:
            self.dtype_from = "named"
        return self

    def compile(self) -> MagicPosePipeline:
        """Compile the networks with ``torch.compile``, in place: minutes, at the first clip."""
        compile_networks(self.models.denoiser)
        return self

    def render(  # noqa: PLR0913 - one argument for each thing that a user chooses
        self,
        reference: Pictures,
        poses: Poses | PreparedPoses,
        *,
        prompt: str = "",
        negative_prompt: str = "",
        size: tuple[int, int] | None = None,
        fit: Fit = "crop",
        settings: SamplingSettings | None = None,
        pose_settings: PoseSettings | None = None,
        reference_per_frame: bool = False,
        on_step: OnSamplingStep | None = None,
    ) -> RenderedClip:
        """Render the person of a picture in a sequence of poses.

        Everything that can be wrong is checked here; sampling begins when the first frame is asked
        for. The networks are left as they are.

        Args:
            reference: Picture of the person, or several of the same person, which are joined:
                paths, PIL images, arrays (H, W, 3) or tensors (3, H, W), uint8 in 0..255 or float
                in 0..1.
            poses: Keypoints (``read_poses``, ``detect_poses``, or a file), pose maps (a folder, a
                video, pictures as above), or a video of a person where ``pose_settings`` name a
                detector.
            prompt: Text; MagicPose was trained without any.
            negative_prompt: Text of the unconditional half in the control mode ``balance``.
            size: (width, height) of the clip in pixels, multiples of 64; None takes the model's
                own, else 512 x 512.
            fit: How pictures and maps of another shape get there: ``crop``, ``pad``, ``stretch``.
            settings: How to sample; what they leave open the model's file says, else the paper.
            pose_settings: What is done to the poses; None takes the defaults.
            reference_per_frame: Frame f shows the person of picture f, instead of all frames one.
            on_step: Called after each sampling step; a preview decodes ``step.clean()``.

        Returns:
            The clip: frames one at a time, or saved.

        Raises:
            InputError: Something is not what it must be; the message names the argument.
        """
        size = check_size(default_size(self.models.note) if size is None else size)
        complete = (settings or SamplingSettings()).complete(self.models.noted_sampling)
        width, height = size
        person = torch.cat(
            [fit_size(row, height, width, fit) for row in read_pictures(reference, "reference")]
        )
        prepared = _prepared(poses, pose_settings, reference, size, fit)
        check_inputs(person, prepared.maps, reference_per_frame=reference_per_frame)
        check_rooms(self.models, person, prepared.maps)
        check_windows(self.models, complete, reference_per_frame=reference_per_frame)
        warn_of_other_betas(self.models.note)
        warn_of_other_noise(self.models.motion_note, complete.shared_noise)
        if warning := photo_warning(self.models.note, person):
            _log.warning(warning)
        tokens, negative_tokens = (self._tokens(words) for words in (prompt, negative_prompt))

        watch = Stopwatch()

        def sample() -> Tensor:
            return sample_clip(
                self.models,
                person,
                prepared.maps,
                complete,
                text=self._encode(tokens),
                negative_text=self._encode(negative_tokens),
                reference_per_frame=reference_per_frame,
                on_step=on_step,
                stopwatch=watch,
            )

        def decode(latents: Tensor) -> Iterator[Tensor]:
            frames = decode_frames(self.models, latents)
            if not complete.deflicker:
                return frames
            return deflicker(frames, person, prepared.maps, reference_per_frame=reference_per_frame)

        description = {
            **self._description(),
            "reference": in_words(reference),
            "poses": prepared.source,
            "prompt": prompt,
            "negative_prompt": negative_prompt,
            "size": list(size),
            "fit": fit,
            "sampling": as_json(complete),
            "pose_settings": as_json(prepared.settings),
        }
        return RenderedClip(
            ClipSource(
                sample=sample,
                decode=decode,
                reference=to_uint8(person[:1])[0],
                pose_maps=prepared.maps,
                fps=prepared.fps or DEFAULT_FPS,
                settings=description,
                reads=(*paths_in(reference), *prepared.reads, *self._files()),
                seconds=lambda: {**self.loading.rounded(), **watch.rounded()},
                stopwatch=watch,
                span=prepared.settings.span,
            )
        )

    def decode(self, latents: Tensor) -> Iterator[Frame]:
        """Decode scaled latents (F, 4, h, w) one at a time -> (H, W, 3) uint8, for previews."""
        for frame in decode_frames(self.models, latents):
            yield to_uint8(frame.unsqueeze(0))[0]

    def _tokens(self, prompt: str) -> Tensor | None:
        """Turn a text into token ids (1, L); None for the empty one, which needs no tokenizer."""
        if not prompt:
            return None
        if self.tokenizer is None:
            raise InputError(
                "a prompt needs a tokenizer: name the folder with vocab.json and merges.txt"
            )
        return tokenize(prompt, self.tokenizer, length=self.models.text.positions)

    @torch.no_grad()
    def _encode(self, tokens: Tensor | None) -> Tensor:
        text = self.models.text
        return text.empty_prompt() if tokens is None else text(tokens.to(self.device))

    def _description(self) -> dict[str, Any]:
        return {
            "magicpose": __version__,
            "models": as_json(self.files),
            "device": str(self.device),
            "dtype": str(self.dtype).removeprefix("torch."),
            "dtype_from": self.dtype_from,
            "threads": torch.get_num_threads(),
        }

    def _files(self) -> tuple[Path, ...]:
        if self.files is None:
            return ()
        named = (value for value in vars(self.files).values() if isinstance(value, Path))
        return (*named, *(lora.file for lora in self.files.loras))


def _prepared(
    poses: Poses | PreparedPoses,
    settings: PoseSettings | None,
    reference: Pictures,
    size: tuple[int, int],
    fit: Fit,
) -> PreparedPoses:
    if not isinstance(poses, PreparedPoses):
        return prepare_poses(poses, settings, size=size, fit=fit, reference=reference)
    if settings is not None:
        raise InputError("pose_settings do nothing to poses that are prepared; leave them out")
    width, height = poses.maps.shape[2:0:-1]
    if (width, height) != size:
        raise InputError(
            f"poses are prepared for {width} x {height} pixels and size is {size[0]} x {size[1]}; "
            "prepare them for the same"
        )
    return poses
