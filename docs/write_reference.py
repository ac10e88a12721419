"""Write the reference of the library to docs/reference, from its docstrings: first the public names, then their parts.

    python docs/write_reference.py [FOLDER]

`make reference` runs it.
"""

import sys
from pathlib import Path

import pdoc

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

import score_extrapolation
from score_extrapolation.plugins import KINDS

LIBRARY = score_extrapolation.__name__
# Whose tables others read, what they call and where they add files.
SHOWN = ["score_recorder", "io.tables", "shards", "faults", "plugins", "neighbors", *KINDS]
HIDDEN = (r"!.*\._", rf"!{LIBRARY}\.datasets\.store")


def write_reference(folder: Path) -> None:
    """Write a page of the public names, to which index.html leads, and one of each other module that is shown."""
    # pdoc finds public names in the module's namespace, into which they are loaded on first use.
    vars(score_extrapolation).update({name: getattr(score_extrapolation, name) for name in score_extrapolation.__all__})
    pdoc.render.configure(docformat="numpy", show_source=False)
    pdoc.pdoc(LIBRARY, *(f"{LIBRARY}.{module}" for module in SHOWN), *HIDDEN, output_directory=folder)


if __name__ == "__main__":
    write_reference(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "reference"))
