"""Files: what may be read and written, and results that appear whole or not at all."""

from .checks import FilePlan, check_plan, paths
from .disk_errors import disk_errors_named
from .kinds import paths_below, regular_file
from .locks import lock_file, lock_folder
from .results import Staged, atomic_folder, atomic_path, open_result, write_text
from .scratch import open_scratch, scratch_errors_named, scratch_folder
from .staging import sweep

__all__ = [
    "FilePlan",
    "Staged",
    "atomic_folder",
    "atomic_path",
    "check_plan",
    "disk_errors_named",
    "lock_file",
    "lock_folder",
    "open_result",
    "open_scratch",
    "paths",
    "paths_below",
    "regular_file",
    "scratch_errors_named",
    "scratch_folder",
    "sweep",
    "write_text",
]
