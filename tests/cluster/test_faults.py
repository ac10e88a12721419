"""What goes wrong on clusters, done for real: nothing is lost, nothing silently wrong, the message says what to do."""

import os
import signal
import subprocess

import pytest

from ..workflow.conftest import copy_checkout, environment
from .test_default_experiment import PROFILE

# Long enough to be hit: 200 epochs of 270 digits; saved often.
LONG = {"training": {"epochs": 200, "batch_size": 64}, "checkpoints": {"minutes": 0.02, "epochs": None}}
SCORES = "results/digits/scores/fraction-20/seed-0/du.parquet"
STATE = "checkpoints/training/base/fraction-20/seed-0/state.pt"
LOG = "logs/training/base/fraction-20/seed-0.log"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    """The results of the long training, run on this machine."""
    workflow = copy_checkout(tmp_path_factory.mktemp("undisturbed"))
    workflow.write_config(**LONG)
    workflow.run("--cores", "2", SCORES)
    return workflow.results_bytes()


class Run:
    """Snakemake in the background, through Slurm."""

    def __init__(self, workflow, *arguments):
        self.printed_to = workflow.folder / "printed.txt"
        with open(self.printed_to, "w") as printed:
            self.process = subprocess.Popen(
                workflow.command(*PROFILE, *arguments),
                cwd=workflow.folder,
                env=environment(),
                stdout=printed,
                stderr=subprocess.STDOUT,
            )

    def end(self, fails: bool = False) -> str:
        """Wait for its end and return what it printed."""
        code = self.process.wait(600)
        assert (code != 0) == fails, self.printed_to.read_text()
        return self.printed_to.read_text()


def training_that_has_saved(slurm, workflow) -> str:
    """Wait until a training runs and has saved where it stands; return its job."""
    slurm.wait_until(lambda: (workflow.results / STATE).exists())
    (job,) = slurm.running("train_subset")
    return job


def test_scancel_of_a_training(slurm, fresh, undisturbed):
    fresh.write_config(**LONG)
    run = Run(fresh, SCORES)
    job = training_that_has_saved(slurm, fresh)
    slurm.ask("scancel", job)
    printed = run.end()
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in printed
    assert "going on in epoch" in (fresh.results / LOG).read_text()
    assert fresh.results_bytes() == undisturbed


def test_kill_9_of_snakemake(slurm, fresh, undisturbed):
    fresh.write_config(**LONG | {"training": {"epochs": 2000, "batch_size": 64}})
    run = Run(fresh, SCORES)
    job = training_that_has_saved(slurm, fresh)
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    # The orphan saves where it stands and ends by itself: the next run would train beside it.
    slurm.wait_until(lambda: slurm.jobs()[job][0] != "RUNNING", 60)
    assert "told to stop" in (fresh.results / LOG).read_text()
    fresh.write_config(**LONG)
    Run(fresh, SCORES).end()
    assert fresh.results_bytes() == undisturbed


def test_a_node_that_is_lost_and_comes_back(slurm, fresh, undisturbed):
    fresh.write_config(**LONG)
    run = Run(fresh, SCORES)
    job = training_that_has_saved(slurm, fresh)
    slurm.stop_node()
    # Slurm would find out by itself after SlurmdTimeout.
    slurm.ask("scontrol", "update", f"NodeName={slurm.host}", "State=DOWN", "Reason=lost")
    slurm.wait_until(lambda: slurm.jobs()[job][0] == "PENDING")
    slurm.start_node()
    run.end()
    assert "going on in epoch" in (fresh.results / LOG).read_text()
    assert fresh.results_bytes() == undisturbed


def test_a_training_over_its_time_is_told_and_goes_on_with_more(slurm, fresh):
    epochs = int(os.environ.get("EPOCHS_OVER_TIME", "5000"))
    fresh.write_config(
        training={"epochs": epochs, "batch_size": 64},
        checkpoints={"minutes": None, "epochs": None},
        resources={"training": {"runtime": 1}},
    )
    # Slurm looks every 30 seconds, and tells a job that much earlier.
    run = Run(fresh, "--default-resources", "slurm_extra='--signal=USR1@5'", "--", SCORES)
    printed = run.end()
    assert "failed, SLURM status is" in printed
    assert "told to stop" in printed or "told to stop" in slurm_logs(fresh)
    assert "going on in epoch" in (fresh.results / LOG).read_text()


def test_a_job_over_its_memory_is_given_more(slurm, fresh):
    # Less than importing torch takes, then twice and three times as much.
    fresh.write_config(resources={"training": {"mem_mb": 250}})
    printed = Run(fresh, SCORES).end()
    assert "failed, SLURM status is" in printed
    assert "mem_mb=500" in printed


@pytest.fixture
def small_disk(fresh):
    """A disk of 2 MB for the results."""
    folder = fresh.folder / "results"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("where", [("--cores", "2"), PROFILE], ids=["here", "slurm"])
def test_a_full_disk(slurm, fresh, small_disk, where):
    fresh.write_config()
    (small_disk / "other.bin").write_bytes(bytes(1_900_000))
    printed = fresh.run(*where, SCORES, fails=True)
    printed += slurm_logs(fresh)
    assert "the disk of results/digits is full; make room and give the same command again" in printed
    (small_disk / "other.bin").unlink()
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    fresh.run(*where, SCORES)
    assert not list(fresh.results.rglob("*.partial"))


def test_results_on_a_disk_that_is_read_only(slurm, fresh, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    printed = fresh.run(*PROFILE, SCORES, fails=True)
    assert "results: results cannot be written to (Read-only file system); give a folder that can" in printed
    assert "Traceback" not in printed


def slurm_logs(workflow) -> str:
    return "".join(path.read_text() for path in workflow.folder.glob(".snakemake/slurm_logs/**/*.log"))
