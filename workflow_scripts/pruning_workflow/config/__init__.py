"""The config: its keys, types, ranges and defaults, and what contradicts what; validated before anything runs.

Nothing here imports numpy or torch: the workflow is parsed for every command, dry runs included.
"""

from .contradictions import AUTO
from .experiment import STAGES, Config, read_config

__all__ = ["AUTO", "STAGES", "Config", "read_config"]
