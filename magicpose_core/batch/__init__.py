"""Many clips: lists of jobs, rendered by one process or many, resumable, the same bytes."""
