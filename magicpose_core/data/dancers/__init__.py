"""Dancers: synthetic people, endless and seeded, each frame with its exact OpenPose keypoints."""
