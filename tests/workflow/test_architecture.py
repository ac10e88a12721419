"""docs/architecture.md is what the rules and the imports are now, and the files that the pages name are there."""

import re
import runpy

from .conftest import CHECKOUT


def test_the_page_is_drawn_from_the_rules_and_imports_as_they_are():
    page = (CHECKOUT / "docs/architecture.md").read_text()
    assert runpy.run_path(str(CHECKOUT / "docs/draw_architecture.py"))["drawn"](page) == page, "run make architecture"


def test_the_files_that_the_pages_name_exist():
    scripts = CHECKOUT / "workflow_scripts"
    places = [CHECKOUT, scripts, scripts / "pruning_workflow", scripts / "score_extrapolation"]
    examples = {
        "scores/mine.py",
        "extrapolators/class_mean.py",
        "datasets/readers/stripes.py",
        "selection/without_hardest.py",
        "study/figure_9.py",
    }
    for page in ("docs/architecture.md", "CONTRIBUTING.md"):
        text = (CHECKOUT / page).read_text()
        for path in re.findall(r"`([\w./]+(?:\.py|\.md|/))`", text):
            assert path in examples | {"results/"} or any((place / path).exists() for place in places), (page, path)
