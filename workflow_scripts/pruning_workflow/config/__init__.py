"""The config: its keys, types, ranges and defaults, and what contradicts what; validated before anything runs.

This is the one entrance; other packages import nothing deeper. Nothing here imports numpy or torch: the workflow is
parsed for every command, dry runs included.

- `sections`: the keys, each with its type, range, default and description; `values`: types of single values
- `methods`: what an entry of a method is; `shorthands`: bare names, lists of k and inherited recipes, written out
- `checks`: contradictions, by subject; `messages`: faults as sentences
- `experiment`: the whole config, and reading it; `schema`: its JSON Schema, for editors
"""

from .experiment import STAGES, STEP_UP_NEEDS, Config, read_config
from .methods import AUTO, candidate_label, extrapolator_label, needs_of_selection
from .schema import config_schema
from .sections import description_of

__all__ = [
    "AUTO",
    "STAGES",
    "STEP_UP_NEEDS",
    "Config",
    "candidate_label",
    "config_schema",
    "description_of",
    "extrapolator_label",
    "needs_of_selection",
    "read_config",
]
