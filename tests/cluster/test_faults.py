import shutil
import subprocess

import pytest

from ..workflow.conftest import Workflow, copy_checkout
from .runs import HERE, SLURM, Run

# Long enough to be hit, and for a job to notice that its run has ended: 800 epochs of 270 digits; saved often.
LONG = {"training": {"epochs": 800, "batch_size": 64}, "checkpoints": {"minutes": 0.02, "epochs": None}}
OVER_TIME = {
    "training": {"epochs": 3000, "batch_size": 64},
    "checkpoints": {"minutes": None, "epochs": None},
    "resources": {"training": {"runtime": 1, "mem_mb": 1000}},
}
# Less than importing torch takes, then twice and three times as much.
OVER_MEMORY = {"resources": {"training": {"mem_mb": 250}}}
SUBSET = "results/digits/subset/fraction-20/seed-0.parquet"
TRAINING = "results/digits/training/base/fraction-20/seed-0/dynamics.parquet"
STATE = "checkpoints/training/base/fraction-20/seed-0/state.pt"
LOG = "logs/training/base/fraction-20/seed-0.log"


@pytest.fixture(scope="module")
def prepare(tmp_path_factory):
    """Return what makes copies of a checkout with all that a training reads: Slurm has but one job to run."""
    made = copy_checkout(tmp_path_factory.mktemp("prepared"))
    Run(made, *HERE, SUBSET).end()

    def copied(**config) -> Workflow:
        folder = tmp_path_factory.mktemp("copy") / "fresh"
        shutil.copytree(made.folder, folder, symlinks=True)
        workflow = Workflow(folder)
        workflow.write_config(**config)
        return workflow

    return copied


@pytest.fixture(scope="module")
def beside(slurm, prepare) -> dict[str, Run]:
    """Runs that wait for minutes and leave the node alone, begun before all tests, which go on beside them."""
    # Slurm looks every 30 seconds, and tells a job that much earlier. A busy machine needs more than two retries.
    options = ("--retries", "5", "--default-resources", "slurm_extra='--signal=USR1@5'", "--")
    return {
        "over time": Run(prepare(**OVER_TIME), *SLURM, *options, TRAINING),
        "over memory": Run(prepare(**OVER_MEMORY), *SLURM, TRAINING),
        "undisturbed": Run(prepare(**LONG), *HERE, TRAINING),
    }


pytestmark = pytest.mark.usefixtures("beside")


def undisturbed(beside) -> dict[str, bytes]:
    """Return the results of the long training, run on this machine."""
    beside["undisturbed"].end()
    return beside["undisturbed"].workflow.results_bytes()


def training_that_has_saved(slurm, run) -> str:
    """Wait until a training runs and has saved where it stands; return its job."""
    slurm.wait_until(lambda: (run.workflow.results / STATE).exists())
    (job,) = slurm.jobs_of(run.workflow.folder, "RUNNING")
    return job


def log_of(run) -> str:
    return (run.workflow.results / LOG).read_text()


def test_scancel_of_a_training(slurm, prepare, beside):
    run = Run(prepare(**LONG), *SLURM, TRAINING)
    job = training_that_has_saved(slurm, run)
    slurm.ask("scancel", job)
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in run.end()
    assert "going on in epoch" in log_of(run)
    assert run.workflow.results_bytes() == undisturbed(beside)


def test_kill_9_of_snakemake(slurm, prepare, beside):
    run = Run(prepare(**LONG), *SLURM, TRAINING)
    job = training_that_has_saved(slurm, run)
    run.kill()
    # The orphan saves where it stands and ends by itself: the next run would train beside it.
    slurm.wait_until(lambda: slurm.jobs()[job].state != "RUNNING")
    assert "told to stop" in log_of(run)
    again = Run(run.workflow, *SLURM, TRAINING)
    again.end()
    assert "going on in epoch" in log_of(again)
    assert again.workflow.results_bytes() == undisturbed(beside)


def test_a_job_that_was_still_waiting_when_its_run_was_killed(slurm, prepare):
    slurm.ask("scontrol", "update", f"NodeName={slurm.host}", "State=DRAIN", "Reason=to wait")
    run = Run(prepare(**LONG), *SLURM, TRAINING)
    (job,) = slurm.wait_until(lambda: slurm.jobs_of(run.workflow.folder, "PENDING"))
    run.kill()
    made_since = run.workflow.folder / TRAINING
    made_since.parent.mkdir(parents=True, exist_ok=True)
    made_since.write_text("by the next run")
    slurm.ask("scontrol", "update", f"NodeName={slurm.host}", "State=RESUME")
    slurm.wait_until(lambda: slurm.jobs()[job].state == "FAILED")
    assert "the run that this job belongs to has ended; nothing was done" in run.slurm_logs()
    assert made_since.read_text() == "by the next run"


@pytest.fixture
def on_small_disk(prepare):
    """A prepared copy whose results lie on a disk of 2 MB."""
    workflow = prepare()
    folder = workflow.folder / "results"
    made = folder.rename(workflow.folder / "made")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    yield workflow
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("where", [HERE, SLURM], ids=["here", "slurm"])
def test_a_full_disk(slurm, on_small_disk, where):
    disk = on_small_disk.folder / "results"
    (disk / "other.bin").write_bytes(bytes(1_900_000))
    run = Run(on_small_disk, *where, "--retries", "0", TRAINING)
    printed = run.end(fails=True) + run.slurm_logs()
    assert "the disk of results/digits is full; make room and give the same command again" in printed
    (disk / "other.bin").unlink()
    subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
    Run(on_small_disk, *where, TRAINING).end()
    assert not list(disk.rglob("*.partial"))


def test_results_on_a_disk_that_is_read_only(slurm, on_small_disk):
    subprocess.run(["mount", "-o", "remount,ro", on_small_disk.folder / "results"], check=True)
    printed = Run(on_small_disk, *SLURM, TRAINING).end(fails=True)
    assert "results: results cannot be written to (Read-only file system); give a folder that can" in printed
    assert "Traceback" not in printed


def test_a_training_over_its_time_is_told_and_goes_on_with_more(beside):
    run = beside["over time"]
    printed = run.end()
    assert "failed, SLURM status is" in printed
    assert "told to stop" in printed or "told to stop" in run.slurm_logs()
    assert "going on in epoch" in log_of(run)


def test_a_job_over_its_memory_is_given_more(beside):
    printed = beside["over memory"].end()
    assert "failed, SLURM status is" in printed
    assert "mem_mb=500" in printed


def test_a_node_that_is_lost_and_comes_back(slurm, prepare, beside):
    for run in beside.values():
        run.end()  # they would be lost with it
    run = Run(prepare(**LONG), *SLURM, TRAINING)
    job = training_that_has_saved(slurm, run)
    slurm.stop_node()
    # Slurm would find out by itself after SlurmdTimeout.
    slurm.ask("scontrol", "update", f"NodeName={slurm.host}", "State=DOWN", "Reason=lost")
    slurm.wait_until(lambda: slurm.jobs()[job].state == "PENDING")
    slurm.start_node()
    # Slurm itself waits for two minutes, since it still ends what was lost, which must not hit the new start.
    slurm.ask("scontrol", "update", f"JobId={job}", "StartTime=now+30")
    run.end()
    assert slurm.jobs()[job].state == "COMPLETED"
    assert "going on in epoch" in log_of(run)
    assert run.workflow.results_bytes() == undisturbed(beside)
