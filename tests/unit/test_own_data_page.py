"""The guide to one's own data: its configs are valid, each as the first changed by it, and its commands are known."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from pruning_workflow.config import read_config

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs/own_data.md").read_text()
CONFIGS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]
COMMANDS = [block.strip() for block in re.findall(r"```bash\n(.*?)```", PAGE, re.S)]


@pytest.mark.parametrize("changes", CONFIGS)
def test_a_config_of_the_page_is_valid(changes):
    raw = yaml.safe_load((CHECKOUT / "config.yaml").read_text())
    if changes.get("experiment") != "unlabelled":
        update_config(raw, copy.deepcopy(CONFIGS[0]))
    update_config(raw, changes)
    assert read_config(raw).experiment in ("my_images", "unlabelled")


def test_inline_settings_are_valid():
    inline = re.findall(r"`((?:samples|seeds|evaluation): .*?)`", PAGE)
    # Those of images without labels are valid beside the settings of the last config alone.
    by_themselves = [text for text in inline if "labelled" not in text and "classes" not in text]
    assert len(by_themselves) == 2
    for text in by_themselves:
        raw = yaml.safe_load((CHECKOUT / "config.yaml").read_text())
        update_config(raw, copy.deepcopy(CONFIGS[0]))
        update_config(raw, yaml.safe_load(text))
        assert read_config(raw).experiment == "my_images"


def test_its_targets_are_those_of_the_workflow():
    rules = set(re.findall(r"^rule (\w+):", (CHECKOUT / "Snakefile").read_text(), re.M))
    targets = [command.split()[1] for command in COMMANDS]
    assert {target for target in targets if not target.startswith("results/")} <= rules
    assert "results/my_images/evaluation/estimates.csv" in targets
    assert all("--configfile my.yaml" in command for command in COMMANDS)
