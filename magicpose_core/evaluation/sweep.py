"""Which sampling settings give how much quality for how much time, on held-out dancers."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ..data.dancers.framing import Framing
from ..errors import MissingDependencyError
from ..files import open_result, write_text
from ..pipeline import MagicPosePipeline
from ..sampling.presets import PRESETS_FILE, PresetName, presets
from ..sampling.settings import SamplingSettings
from .ablations import Cases, render_cases
from .heldout_dancers import OnCase, measure_renderings
from .report import markdown_table
from .settings import Clock
from .speed import stopwatch

PAPER = "paper"
Variant = Mapping[str, object]  # values of sampling settings by field
Figures = Mapping[str, Mapping[str, float]]  # variant in words -> metric -> value
_FAST = {"times_faster": 4.0, "psnr": 0.1}  # at least as fast; at most so many dB less
_AS_QUICK = 0.9  # of the most times faster: measured times differ by a tenth
_DRAFT = {"times_faster": 6.0, "psnr": 1.0, "pose_retrieval": 0.95}
_SHOWN = ("times_faster", "psnr", "face_psnr", "pose_retrieval", "identity_retrieval", "seconds")

GRID: tuple[Variant, ...] = (
    *({"scheduler": "ddim", "steps": steps} for steps in (10, 20)),
    *(
        {"scheduler": scheduler, "steps": steps}
        for scheduler in ("euler", "dpm++2m", "dpm++2m_karras", "unipc")
        for steps in (4, 5, 6, 8, 10)
    ),
    *(
        {"scheduler": "euler", "steps": 8, "guidance_start": start, "guidance_stop": stop}
        for start, stop in ((0.0, 0.5), (0.0, 0.75), (0.25, 1.0))
    ),
    *({"scheduler": "ddim", "steps": steps, "deep_every": 2} for steps in (10, 20)),
)
"""What is tried where nobody names variants: schedulers x steps, guidance in part, layers kept."""


def sweep(
    pipeline: MagicPosePipeline,
    base: SamplingSettings,
    variants: Sequence[Variant],
    *,
    people: range,
    size: int,
    framing: Framing,
    on_case: OnCase | None = None,
) -> dict[str, dict[str, float]]:
    """Measure variants beside the paper's 50 exact steps.

    Args:
        pipeline: The model.
        base: Settings that all have in common: seed, guidance scale.
        variants: What each changes.
        people: Numbers of held-out dancers; choices are made on 0 to 63.
        size: Side of the pictures in pixels.
        framing: How close the camera is.
        on_case: Called as people are done.

    Returns:
        Variant in words, ``paper`` first -> metric -> value. Beside the figures of
        ``evaluate_dancers``: ``seconds`` per picture (of the processor and thread on CPUs) and
        ``times_faster`` than ``paper``.
    """
    chosen = {PAPER: presets()["paper"], **{in_words(each): each for each in variants}}
    taken: dict[str, list[float]] = {name: [] for name in chosen}

    def timed(name: str, values: Variant) -> Callable[[Cases], Tensor]:
        settings = SamplingSettings(**{**_given(base), **values})  # type: ignore[arg-type]

        def render(cases: Cases) -> Tensor:
            clock: Clock = "cpu" if pipeline.device.type == "cpu" else "wall"
            with stopwatch(cases.references.to(pipeline.device), clock, taken[name]):
                return render_cases(pipeline, cases, settings)

        return render

    figures = measure_renderings(
        {name: timed(name, values) for name, values in chosen.items()},
        people=people,
        size=size,
        framing=framing,
        on_case=on_case,
    )
    seconds = {name: sum(each) / len(people) for name, each in taken.items()}
    return {
        name: {
            **values,
            "seconds": seconds[name],
            "times_faster": seconds[PAPER] / seconds[name],
        }
        for name, values in figures.items()
    }


def in_words(variant: Variant) -> str:
    """``{"scheduler": "euler", "steps": 8}`` -> ``euler 8``; the rest is named."""
    first = [str(variant[name]) for name in ("scheduler", "steps") if name in variant]
    rest = [f"{name}={value}" for name, value in variant.items() if name not in _PLAIN]
    return " ".join([*first, *rest])


_PLAIN = ("scheduler", "steps")


def choose(figures: Figures, variants: Sequence[Variant]) -> dict[PresetName, Variant]:
    """Choose the presets: the least time within the bounds, else the nearest to them.

    Times within a tenth of the least count as it, since they are measured; of those the best PSNR
    is taken. What graphs have no place for (guidance in part, layers kept) is measured and not
    chosen: a preset means the same in all places.

    ``fast`` is at least 4 times as fast as the paper's steps, within 0.1 dB, and finds no fewer
    poses and identities; ``draft`` 6 times, within 1 dB, with 95 % of the poses.
    """
    paper = figures[PAPER]
    named = {in_words(each): each for each in variants if each.keys() <= set(_PLAIN)}

    def loses(name: str) -> float:
        return paper["psnr"] - figures[name]["psnr"]

    def keeps(name: str) -> bool:
        kept = ("pose_retrieval", "identity_retrieval")
        return all(figures[name][each] >= paper[each] for each in kept)

    def chosen(good: Callable[[str], bool], bound: Mapping[str, float]) -> Variant:
        quick = [name for name in named if figures[name]["times_faster"] >= bound["times_faster"]]
        fitting = [name for name in quick if loses(name) <= bound["psnr"] and good(name)]
        if fitting:
            least = _AS_QUICK * max(figures[name]["times_faster"] for name in fitting)
            quickest = [name for name in fitting if figures[name]["times_faster"] >= least]
            return named[max(quickest, key=lambda name: figures[name]["psnr"])]
        return named[min(quick or named, key=loses)]

    return {
        "paper": presets()["paper"],
        "fast": chosen(keeps, _FAST),
        "draft": chosen(
            lambda name: figures[name]["pose_retrieval"] >= _DRAFT["pose_retrieval"], _DRAFT
        ),
    }


def misses(figures: Figures, chosen: Mapping[PresetName, Variant]) -> list[str]:
    """Say which bounds the chosen presets do not meet, one line each; empty where all are met."""
    paper, lines = figures[PAPER], []
    for name, bound in (("fast", _FAST), ("draft", _DRAFT)):
        found = figures[in_words(chosen[name])]  # type: ignore[index]
        lost = paper["psnr"] - found["psnr"]
        if found["times_faster"] < bound["times_faster"] or lost > bound["psnr"]:
            lines.append(
                f"nothing meets the bounds of {name} ({bound['times_faster']:g} times faster, "
                f"within {bound['psnr']:g} dB); the nearest is {found['times_faster']:.1f} times "
                f"faster and {lost:.2f} dB worse"
            )
    return lines


def table(figures: Figures) -> str:
    """Write the figures that are chosen by, the quickest first."""
    order = sorted(figures, key=lambda name: -figures[name]["times_faster"])
    return markdown_table({name: {each: figures[name][each] for each in _SHOWN} for name in order})


def sweep_files(folder: Path) -> tuple[Path, Path, Path]:
    """Name what a sweep is written to: numbers, table, plot."""
    return folder / "sweep.json", folder / "sweep.md", folder / "sweep.png"


def write_sweep(folder: Path, figures: Figures, settings: Mapping[str, object]) -> None:
    """Write numbers, table and plot as one result.

    Raises:
        MissingDependencyError: matplotlib is absent.
    """
    numbers, listed, picture = sweep_files(folder)
    with open_result([numbers, listed, picture]) as staged:
        content = {"settings": dict(settings), "figures": figures}
        text = json.dumps(content, indent=2, default=str) + "\n"
        staged(numbers).write_text(text, encoding="utf-8")
        staged(listed).write_text(table(figures), encoding="utf-8")
        _plot(figures, staged(picture))


def write_presets(chosen: Mapping[PresetName, Variant], file: Path = PRESETS_FILE) -> None:
    """Write the table of presets, one a line."""
    lines = [f"  {json.dumps(name)}: {json.dumps(dict(each))}" for name, each in chosen.items()]
    write_text(file, "{\n" + ",\n".join(lines) + "\n}\n")


def _plot(figures: Figures, out: Path) -> None:
    """Draw quality over time, one point for each variant; named are the best for their time."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "the plot of a sweep needs matplotlib: pip install matplotlib"
        ) from error
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.add_subplot(
        xlabel="time, where the paper's steps take 1", ylabel="PSNR, dB", xscale="log"
    )
    for values in figures.values():
        panel.plot(values["seconds"] / figures[PAPER]["seconds"], values["psnr"], "o", color="0.75")
    shown = dict.fromkeys((*best_for_their_time(figures), PAPER))
    for number, name in enumerate(shown, 1):
        point = figures[name]["seconds"] / figures[PAPER]["seconds"], figures[name]["psnr"]
        panel.plot(*point, "o", color="C0", label=f"{number}  {name}")
        panel.annotate(str(number), point, xytext=(0, 6), textcoords="offset points", ha="center")
    panel.legend(loc="lower right", handlelength=0, markerscale=0)
    panel.margins(y=0.12)
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_formatter("{x:g}")
    panel.grid(alpha=0.3)
    figure.savefig(out, format="png", dpi=110)


def best_for_their_time(figures: Figures) -> list[str]:
    """Name the variants than which nothing is both as quick and better, the quickest first."""
    best, names = -math.inf, []
    for name in sorted(
        figures, key=lambda name: (figures[name]["seconds"], -figures[name]["psnr"])
    ):
        if figures[name]["psnr"] > best:
            best = figures[name]["psnr"]
            names.append(name)
    return names


def _given(settings: SamplingSettings) -> dict[str, object]:
    return {
        name: value for name, value in dataclasses.asdict(settings).items() if value is not None
    }
