"""MagicPose: one picture of a person and a sequence of poses -> the same person in those poses."""

__version__ = "0.1.0"
