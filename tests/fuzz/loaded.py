"""What commands import when they work, loaded once before children are forked."""

# ruff: noqa: F401
from __future__ import annotations

import contextlib

import cv2
import matplotlib.backends.backend_agg  # its first start on a machine asks fc-list for fonts
import matplotlib.figure
import scipy.signal
import skimage.metrics
import tensorboard.summary
import torch.utils.tensorboard
import tqdm

import magicpose_core.batch.render
import magicpose_core.batch.run
import magicpose_core.clip_files
import magicpose_core.data.videos.clips
import magicpose_core.data.videos.dataset
import magicpose_core.data.videos.export
import magicpose_core.evaluation.folders
import magicpose_core.pipeline
import magicpose_core.pose.detectors.dwpose
import magicpose_core.training.run
import magicpose_core.training.trial
import magicpose_core.video.writer
import magicpose_core.weights.convert

with contextlib.suppress(ImportError):
    import onnxruntime
