"""The training loop that all stages share: accumulate, clip, step, average, validate, save."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import AutocastKwargs, InitProcessGroupKwargs
from torch import Tensor, nn

from ..errors import InputError, NotFiniteError
from ..files import sweep
from ..images import to_uint8, write_image
from ..models.device import choose_device
from ..video.writer import open_mp4
from .ahead import choose_workers, made_ahead
from .checkpoints import (
    BEST,
    LAST,
    Progress,
    TrainedState,
    fingerprint_weights,
    load_state,
    save_state,
)
from .config import TrainingConfig
from .curves import Curves
from .ema import Ema
from .graphed import GraphedStep
from .optimizer import learning_rate_at, make_optimizer

Batch = Mapping[str, Tensor]
BatchAt = Callable[[int], Batch]  # number of the forward pass, counted over the whole run
OnTrainingStep = Callable[[int, float], None]  # steps done, loss
_CLIP_FPS = 8
_LONGEST_WAIT = timedelta(days=2)  # of the other processes, while the first one encodes the frames

_log = logging.getLogger("magicpose")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a stage gives to the loop.

    Attributes:
        stage: Its name, kept in checkpoints.
        objective: ``objective(batch) -> loss``; its parameters that require gradients are trained.
        batch_at: Makes the batch of this process for the n-th forward pass; the same n gives the
            same batch for ever.
        complete: Makes of that, on the device, what the objective takes.
        validate: Measures the objective on fixed data and noise; lower is better.
        draw: Makes a picture (3, H, W) or a clip (F, 3, H, W) in [0, 1] to look at, or None.
    """

    stage: str
    objective: nn.Module
    batch_at: BatchAt
    validate: Callable[[], float]
    draw: Callable[[], Tensor | None]
    complete: Callable[[Batch], Batch] = lambda batch: batch


def make_accelerator(config: TrainingConfig) -> Accelerator:
    """Set the processes up.

    Raises:
        InputError: Another number of processes came than the configuration names.
    """
    accelerator = Accelerator(
        mixed_precision=config.run.mixed_precision,
        gradient_accumulation_steps=config.optimizer.accumulate,
        cpu=choose_device().type == "cpu",  # or else accelerate wants a launcher of its own
        # each weight is used once per pass: kept casts only cost memory, 2.4 GB at SD 1.5 size
        kwargs_handlers=[
            AutocastKwargs(cache_enabled=False),
            InitProcessGroupKwargs(timeout=_LONGEST_WAIT),
        ],
    )
    if accelerator.num_processes != config.run.world_size:
        raise InputError(
            f"run.world_size is {config.run.world_size} and {accelerator.num_processes} "
            f"process(es) started; use torchrun --nproc-per-node {config.run.world_size} -m "
            "magicpose_core.cli train ..., or change the setting"
        )
    return accelerator


def train(
    task: Task,
    config: TrainingConfig,
    accelerator: Accelerator,
    *,
    stop_at: int | None = None,
    on_step: OnTrainingStep | None = None,
) -> Path:
    """Train, or go on where the last checkpoint in ``config.output`` stands.

    Args:
        task: What to train.
        config: How.
        accelerator: See :func:`make_accelerator`.
        stop_at: Stop after this many steps in all; None goes to the configured end.
        on_step: Called after each step with steps done and loss.

    Returns:
        The last checkpoint.

    Raises:
        CheckpointError: The checkpoint there is of another run.
        OutputError: The disk is full; the checkpoint before is whole.
        InputError: The loss is no longer a number.
    """
    steps = config.run.steps if stop_at is None else stop_at
    with _fast_products(accelerator.device):
        return _Run(task, config, accelerator).train(steps, on_step)


@contextmanager
def _fast_products(device: torch.device) -> Iterator[None]:
    """Let tensor cores multiply float32, and cuDNN choose by trying: a run's shapes stay."""
    precision, tries = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.benchmark = tries


class _Run:
    """The live state of one run on one process."""

    def __init__(self, task: Task, config: TrainingConfig, accelerator: Accelerator) -> None:
        self._task = task
        self._config = config
        self._accelerator = accelerator
        objective = task.objective.to(accelerator.device)
        parameters = {
            name: parameter
            for name, parameter in objective.named_parameters()
            if parameter.requires_grad
        }
        self._start = Progress(stage=task.stage, origin=fingerprint_weights(objective))
        optimizer = make_optimizer(
            parameters.values(), config.optimizer, rank=accelerator.process_index
        )
        self._objective, self._optimizer = accelerator.prepare(objective, optimizer)
        ema = Ema(parameters, config.optimizer.ema) if config.optimizer.ema else None
        self._state = TrainedState(parameters, optimizer, ema, accelerator.scaler)
        self._progress = self._resume()
        self._graphed = self._capture() if config.run.cuda_graphs else None
        self._curves = (
            Curves(config.output, self._progress.step) if accelerator.is_main_process else None
        )

    def train(self, stop_at: int, on_step: OnTrainingStep | None) -> Path:
        batches = self._batches(stop_at)
        try:
            while self._progress.step < stop_at:
                loss = self._step(batches)
                if on_step is not None:
                    on_step(self._progress.step, loss)
                self._look_up(last=self._progress.step == stop_at)
        finally:
            if self._curves is not None:
                self._curves.close()
        return self._config.output / LAST

    def _resume(self) -> Progress:
        last = self._config.output / LAST
        if self._accelerator.is_main_process:
            sweep(self._config.output, deep=True)
        if not last.exists():
            return self._start
        progress = load_state(last, self._state, self._start)
        _log.info("resuming %s at step %d from %s", self._task.stage, progress.step, last)
        return progress

    def _batches(self, stop_at: int) -> Iterator[Batch]:
        """Yield the batches from where the run stands."""
        device, parts = self._accelerator.device, self._config.optimizer.accumulate
        return made_ahead(
            self._task.batch_at,
            range(self._progress.step * parts, stop_at * parts),
            choose_workers(self._config.run.workers, device),
            pinned=device.type == "cuda",
        )

    def _capture(self) -> GraphedStep:
        assert isinstance(self._state.optimizer, torch.optim.AdamW)
        return GraphedStep(
            self._loss,
            list(self._state.parameters.values()),
            self._state.optimizer,
            self._config.optimizer.clip,
            self._task.batch_at(self._progress.step),
        )

    def _loss(self, batch: Batch) -> Tensor:
        loss: Tensor = self._objective(self._task.complete(batch))
        return loss

    def _step(self, batches: Iterator[Batch]) -> float:
        """Do one optimizer step; returns the mean loss of its forward passes on all processes."""
        step = self._progress.step
        rate = learning_rate_at(step, self._config.optimizer, self._config.run.steps)
        started = time.perf_counter()
        if self._graphed is not None:
            loss, norm = self._graphed(next(batches), rate)
        else:
            loss, norm = self._plain_step(batches, rate)
        self._progress = replace(self._progress, step=step + 1)
        if self._state.ema is not None:
            self._state.ema.update(step + 1)
        mean = float(self._accelerator.reduce(loss, "mean"))
        self._check(mean)
        seconds = time.perf_counter() - started
        self._write(
            "training",
            {"loss": mean, "gradient_norm": float(norm), "learning_rate": rate, "seconds": seconds},
        )
        return mean

    def _plain_step(self, batches: Iterator[Batch], rate: float) -> tuple[Tensor, Tensor]:
        """Do one step kernel by kernel; returns the mean loss of its passes and the norm."""
        optimizer = self._config.optimizer
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        losses = []
        for batch in islice(batches, optimizer.accumulate):
            with self._accelerator.accumulate(self._objective):
                loss = self._loss(self._on_device(batch))
                self._accelerator.backward(loss)
                losses.append(loss.detach())
                if self._accelerator.sync_gradients:
                    # accelerate unscales half-precision gradients before it takes the norm
                    norm = self._accelerator.clip_grad_norm_(
                        list(self._state.parameters.values()), optimizer.clip
                    )
                self._optimizer.step()
                self._optimizer.zero_grad()
        return torch.stack(losses).mean(), norm

    def _look_up(self, *, last: bool) -> None:
        """Validate, draw and save where it is time to."""
        run, step = self._config.run, self._progress.step
        best = (step % run.validate_every == 0 or last) and self._validate()
        if best:  # before the last state, so that a run killed between them finds it again
            self._save(BEST)
        if run.sample_every and (step % run.sample_every == 0 or last):
            self._draw()
        if best or step % run.save_every == 0 or last:
            self._save()

    def _validate(self) -> bool:
        """Take the loss on held-out people; tell whether it is the lowest so far."""
        with self._averaged(), torch.no_grad(), self._accelerator.autocast():
            measured = torch.tensor(self._task.validate(), device=self._accelerator.device)
        loss = float(self._accelerator.reduce(measured, "mean"))  # all shall take the same branch
        self._write("validation", {"loss": loss})
        best = loss < self._progress.best_loss
        if best:
            self._progress = replace(self._progress, best_loss=loss)
        return best

    def _draw(self) -> None:
        if self._curves is None:
            return
        with self._averaged(), torch.no_grad(), self._accelerator.autocast():
            image = self._task.draw()
        if image is not None:
            step = self._progress.step
            file = self._config.output / "samples" / f"{step:07d}"
            if image.ndim == 4:
                _write_clip(file.with_suffix(".mp4"), image)
            else:
                write_image(file.with_suffix(".png"), image)
            self._curves.picture("samples", step, image[0] if image.ndim == 4 else image)

    def _save(self, name: str = LAST) -> None:
        if self._accelerator.is_main_process:
            save_state(self._config.output / name, self._state, self._progress)
        self._accelerator.wait_for_everyone()

    def _averaged(self) -> nullcontext[None]:
        ema = self._state.ema
        return nullcontext() if ema is None else ema.in_place()  # type: ignore[return-value]

    def _write(self, name: str, numbers: Mapping[str, float]) -> None:
        if self._curves is not None:
            self._curves.write(name, self._progress.step, numbers)

    def _on_device(self, batch: Batch) -> Batch:
        device = self._accelerator.device
        return {key: value.to(device, non_blocking=True) for key, value in batch.items()}

    def _check(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise NotFiniteError(
                f"the loss became {loss} at step {self._progress.step}; lower "
                "optimizer.learning_rate, or use bf16 instead of fp16, and start the same command "
                "again: it goes on from the last checkpoint"
            )


def _write_clip(path: Path, clip: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_mp4(path, fps=_CLIP_FPS) as write:
        for frame in to_uint8(clip):
            write(frame)
