"""What goes wrong on clusters, done for real: nothing is lost, nothing silently wrong, the message says what to do."""

import signal
import subprocess

import pytest

from ..workflow.conftest import copy_checkout, environment
from .test_default_experiment import PROFILE

# Long enough to be hit, and for a job to notice that its run has ended: 800 epochs of 270 digits; saved often.
LONG = {"training": {"epochs": 800, "batch_size": 64}, "checkpoints": {"minutes": 0.02, "epochs": None}}
SUBSET = "results/digits/subset/fraction-20/seed-0.parquet"
TRAINING = "results/digits/training/base/fraction-20/seed-0/dynamics.parquet"
STATE = "checkpoints/training/base/fraction-20/seed-0/state.pt"
LOG = "logs/training/base/fraction-20/seed-0.log"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    """The results of the long training, run on this machine."""
    workflow = copy_checkout(tmp_path_factory.mktemp("undisturbed"))
    workflow.write_config(**LONG)
    workflow.run("--cores", "2", TRAINING)
    return workflow.results_bytes()


@pytest.fixture
def prepared(fresh):
    """A copy of the checkout with all that a training reads, made on this machine: Slurm has but one job to run."""
    fresh.run("--cores", "2", SUBSET)
    return fresh


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


def test_scancel_of_a_training(slurm, prepared, undisturbed):
    prepared.write_config(**LONG)
    run = Run(prepared, TRAINING)
    job = training_that_has_saved(slurm, prepared)
    slurm.ask("scancel", job)
    printed = run.end()
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in printed
    assert "going on in epoch" in (prepared.results / LOG).read_text()
    assert prepared.results_bytes() == undisturbed


def test_kill_9_of_snakemake(slurm, prepared, undisturbed):
    prepared.write_config(**LONG)
    run = Run(prepared, TRAINING)
    job = training_that_has_saved(slurm, prepared)
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    # The orphan saves where it stands and ends by itself: the next run would train beside it.
    slurm.wait_until(lambda: slurm.jobs()[job][0] != "RUNNING", 60)
    assert "told to stop" in (prepared.results / LOG).read_text()
    Run(prepared, TRAINING).end()
    assert "going on in epoch" in (prepared.results / LOG).read_text()
    assert prepared.results_bytes() == undisturbed


def test_a_job_that_was_still_waiting_when_its_run_was_killed(slurm, prepared):
    prepared.write_config(**LONG)
    slurm.ask("scontrol", "update", f"NodeName={slurm.host}", "State=DRAIN", "Reason=to wait")
    run = Run(prepared, TRAINING)
    job = slurm.wait_until(lambda: [job for job, (state, _) in slurm.jobs().items() if state == "PENDING"])[0]
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    made_since = prepared.folder / TRAINING
    made_since.parent.mkdir(parents=True, exist_ok=True)
    made_since.write_text("by the next run")
    slurm.ask("scontrol", "update", f"NodeName={slurm.host}", "State=RESUME")
    slurm.wait_until(lambda: slurm.jobs()[job][0] == "FAILED")
    assert "the run that this job belongs to has ended; nothing was done" in slurm_logs(prepared)
    assert made_since.read_text() == "by the next run"


def test_a_node_that_is_lost_and_comes_back(slurm, prepared, undisturbed):
    prepared.write_config(**LONG)
    run = Run(prepared, TRAINING)
    job = training_that_has_saved(slurm, prepared)
    slurm.stop_node()
    # Slurm would find out by itself after SlurmdTimeout.
    slurm.ask("scontrol", "update", f"NodeName={slurm.host}", "State=DOWN", "Reason=lost")
    slurm.wait_until(lambda: slurm.jobs()[job][0] == "PENDING")
    slurm.start_node()
    run.end()
    assert "going on in epoch" in (prepared.results / LOG).read_text()
    assert prepared.results_bytes() == undisturbed


def test_a_training_over_its_time_is_told_and_goes_on_with_more(slurm, prepared):
    prepared.write_config(
        training={"epochs": 3000, "batch_size": 64},
        checkpoints={"minutes": None, "epochs": None},
        resources={"training": {"runtime": 1}},
    )
    # Slurm looks every 30 seconds, and tells a job that much earlier.
    run = Run(prepared, "--default-resources", "slurm_extra='--signal=USR1@5'", "--", TRAINING)
    printed = run.end()
    assert "failed, SLURM status is" in printed
    assert "told to stop" in printed or "told to stop" in slurm_logs(prepared)
    assert "going on in epoch" in (prepared.results / LOG).read_text()


def test_a_job_over_its_memory_is_given_more(slurm, prepared):
    # Less than importing torch takes, then twice and three times as much.
    prepared.write_config(resources={"training": {"mem_mb": 250}})
    printed = Run(prepared, TRAINING).end()
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
    printed = fresh.run(*where, TRAINING, fails=True)
    printed += slurm_logs(fresh)
    assert "the disk of results/digits is full; make room and give the same command again" in printed
    (small_disk / "other.bin").unlink()
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    fresh.run(*where, TRAINING)
    assert not list(fresh.results.rglob("*.partial"))


def test_results_on_a_disk_that_is_read_only(slurm, fresh, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    printed = fresh.run(*PROFILE, TRAINING, fails=True)
    assert "results: results cannot be written to (Read-only file system); give a folder that can" in printed
    assert "Traceback" not in printed


def slurm_logs(workflow) -> str:
    return "".join(path.read_text() for path in workflow.folder.glob(".snakemake/slurm_logs/**/*.log"))
