"""MagicPose: one picture of a person and a sequence of poses -> the same person in those poses."""

from .version import __version__ as __version__
