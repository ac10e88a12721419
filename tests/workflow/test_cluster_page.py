"""docs/cluster.md: its config and its commands, as they stand there. tests/cluster runs what needs a Slurm."""

import re
import shlex
import subprocess
import sys

import pytest

from .conftest import CHECKOUT, environment

PAGE = (CHECKOUT / "docs/cluster.md").read_text()
COMMANDS = [block.strip() for block in re.findall(r"```bash\n(.*?)```", PAGE, re.S) if "snakemake" in block]


@pytest.fixture
def configured(fresh):
    (config,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    (fresh.folder / "my_cluster.yaml").write_text(config)
    return fresh


def run(command: str, folder, **variables: str) -> subprocess.CompletedProcess:
    words = shlex.split(command)
    assert words[0] == "snakemake"
    started = [sys.executable, "-m", *words]
    return subprocess.run(started, cwd=folder, capture_output=True, text=True, env=environment() | variables)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_plan_what_the_page_says(configured, command):
    planned = run(command if "--dry-run" in command else f"{command} --dry-run", configured.folder)
    printed = planned.stdout + planned.stderr
    assert planned.returncode == 0, printed
    if "--profile slurm" in command:
        assert "threads: 4" in printed  # of the nodes, whatever this machine has
    resources = {
        rule: line
        for rule, line in re.findall(r"^rule (\w+):\n(?:.+\n)*?    resources: (.+)$", printed, re.M)
        if rule in ("train_subset", "embed_samples", "prepare_samples")
    }
    assert all(given in resources["train_subset"] for given in ("gpu=1", "mem_mb=4000", "slurm_partition=gpu"))
    assert all(given in resources["embed_samples"] for given in ("gres=shard:1", "slurm_partition=gpu"))
    assert "slurm_partition=cpu" in resources["prepare_samples"]


def test_without_slurm_one_sentence_says_so(configured, tmp_path):
    # A path with nothing of Slurm's; its plugin asks `which`.
    for program in ("which", "sh", "bash"):
        (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    ended = run(COMMANDS[0], configured.folder, PATH=str(tmp_path))
    assert ended.returncode == 1
    assert "executor: slurm was asked for, but this machine has no sbatch" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(configured.results.glob("samples*"))


def test_on_a_workstation_jobs_take_turns_at_the_gpu(fresh):
    fresh.write_config(seeds=[0, 1], resources={"training": {"gpu": 1}})
    trained = [f"results/digits/training/base/fraction-20/seed-{seed}/metrics.json" for seed in (0, 1)]

    def events(*arguments):
        printed = fresh.run("--cores", "2", *arguments, "--forcerun", "train_subset", "--", *trained)
        found = re.findall(r"^localrule train_subset:|^Finished jobid: \d+ \(Rule: train_subset\)", printed, re.M)
        return [event.split()[0] for event in found]

    assert events("--profile", "profiles/workstation") == ["localrule", "Finished", "localrule", "Finished"]
    assert events() == ["localrule", "localrule", "Finished", "Finished"]
