"""The Sampler's presets: as the model's file notes, as the core's table, or by the widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import comfy.model_patcher

from ..magicpose_core.sampling.presets import PRESET_NAMES, PresetName, presets
from ..magicpose_core.weights.notes import ModelNote
from . import notices

Preset = Literal["model", "custom"]
PRESETS: tuple[PresetName | Preset, ...] = ("model", *PRESET_NAMES, "custom")
PAPER_SAMPLER = "ddim_paper"
_NOTE = "magicpose_note"  # key of the attachment

# the core's schedulers -> sampler and scheduler of ComfyUI
_SAMPLERS: Mapping[str, tuple[str, str]] = {
    "ddim": (PAPER_SAMPLER, "ddim_uniform"),
    "dpm++2m": ("dpmpp_2m", "normal"),
    "dpm++2m_karras": ("dpmpp_2m", "karras"),
    "unipc": ("uni_pc", "normal"),
    "euler": ("euler", "normal"),
    "euler_ancestral": ("euler_ancestral", "normal"),
    "lcm": ("lcm", "sgm_uniform"),
}


@dataclass(frozen=True, kw_only=True)
class SamplerChoice:
    """What the widgets of a sampler say; the defaults are the paper's."""

    steps: int = 50
    cfg: float = 7.0
    sampler_name: str = PAPER_SAMPLER
    scheduler: str = "ddim_uniform"

    def __str__(self) -> str:
        """Say it in one line."""
        own = "" if self.sampler_name == PAPER_SAMPLER else f" {self.scheduler}"
        return f"{self.steps} steps, cfg {self.cfg:g}, {self.sampler_name}{own}"


def attach_note(patcher: comfy.model_patcher.ModelPatcher, note: ModelNote | None) -> None:
    """Let a model that was just loaded, and its clones, carry the note of its file."""
    if note is not None:
        patcher.set_attachments(_NOTE, note)


def note_of(patcher: comfy.model_patcher.ModelPatcher) -> ModelNote | None:
    """Return the note that a model carries, None for models of other loaders."""
    note: ModelNote | None = patcher.get_attachment(_NOTE)
    return note


def choose(
    preset: PresetName | Preset, model: comfy.model_patcher.ModelPatcher, widgets: SamplerChoice
) -> SamplerChoice:
    """Choose how to sample, and say it on the node where the widgets do not.

    Args:
        preset: ``custom`` reads the widgets; ``model`` takes what the model's file notes, and the
            paper's where it notes nothing; the others are the core's, at the noted guidance.
        model: The model.
        widgets: What stands beside the preset.
    """
    if preset == "custom":
        return widgets
    note = note_of(model)
    if preset == "model":
        choice = SamplerChoice() if note is None else noted_choice(note)
        whose = "the paper's settings" if note is None else note.kind or "the model's settings"
    else:
        choice, whose = _preset_choice(preset, note), f"the preset {preset}"
    notices.show(f"{whose}: {choice}")
    return choice


def _preset_choice(preset: PresetName, note: ModelNote | None) -> SamplerChoice:
    """Turn a preset of the core into ComfyUI's terms, at the guidance that the model notes."""
    values = presets()[preset]
    steps, scheduler = values["steps"], values["scheduler"]
    assert isinstance(steps, int)
    assert isinstance(scheduler, str)
    if left_out := [name for name in values if name not in ("steps", "scheduler")]:
        notices.warn(
            "the preset %s also sets %s, which a graph has no place for; it is left out",
            preset,
            ", ".join(left_out),
        )
    scale = None if note is None else note.guidance_scale
    return noted_choice(ModelNote(steps=steps, scheduler=scheduler, guidance_scale=scale))


def noted_choice(note: ModelNote) -> SamplerChoice:
    """Put the paper's settings in the place of what a note does not say."""
    choice = SamplerChoice()
    if note.steps is not None:
        choice = replace(choice, steps=note.steps)
    if note.guidance_scale is not None:
        choice = replace(choice, cfg=note.guidance_scale)
    if note.scheduler is None:
        return choice
    if note.scheduler not in _SAMPLERS:
        notices.warn(
            "the model notes the scheduler %s, which is unknown here; sampling goes by the "
            "paper's ddim; choose another with the preset custom",
            note.scheduler,
        )
        return choice
    sampler_name, scheduler = _SAMPLERS[note.scheduler]
    return replace(choice, sampler_name=sampler_name, scheduler=scheduler)
