"""How fast the training loop is, in each precision too, what recording costs, and how much memory TDDS takes.

    python tests/benchmarks/training_speed.py speed --images cifar10-train.parquet
    python tests/benchmarks/training_speed.py precision --images cifar10-train.parquet
    python tests/benchmarks/training_speed.py recording --images cifar10-train.parquet
    python tests/benchmarks/training_speed.py memory
    python tests/benchmarks/training_speed.py passes

`speed` trains one epoch with this engine, in the precision of `auto`, and one with the plain recipe (PIL images,
torchvision's transforms, a DataLoader with workers, float32, each batch copied to the device), in turn, after a warm-up
of each; `recording` one epoch without records, with DU's and with TDDS's, in turn. Both print the median of the ratios
of neighbours, since the machine's other work changes both alike; of `recording`, which is small beside that work, in
seconds of the processor too. `memory` feeds TDDS's record predictions of n samples and C classes and compares the
growth of the process with the bound. `precision` trains one epoch in each precision, in turn. `passes` predicts images
with each kind of network and trains it on the same, in turn: what a prediction takes of a training, by image, in
seconds of the processor (on a GPU, of the clock).
Images are CIFAR-10's as Parquet in Hugging Face's layout.
"""

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the workflow's jobs have it; the same for both sides
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

import numpy as np
import psutil
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from score_extrapolation.models import build_model
from score_extrapolation.records import Observer
from score_extrapolation.training.devices import multiplies_bfloat16
from score_extrapolation.training.dynamics_recorder import DynamicsRecorder
from score_extrapolation.training.engine import Trainer
from score_extrapolation.training.epochs import Epochs
from score_extrapolation.training.images import ResidentImages
from score_extrapolation.training.prediction import predict
from score_extrapolation.training.processes import Group
from score_extrapolation.training.recipe import Training

# Of `passes`.
NETWORKS = (
    {"name": "convnet"},
    {"name": "resnet9", "width": 32},
    {"name": "wideresnet", "depth": 10, "width": 2},
    {"name": "timm", "architecture": "resnet18", "stem": "cifar"},
)
MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


def read_images(path: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first n images (n, 32, 32, 3) uint8 and labels."""
    table = pq.read_table(path).slice(0, n)
    images = [np.asarray(Image.open(io.BytesIO(row["bytes"])).convert("RGB")) for row in table["img"].to_pylist()]
    return np.stack(images), table["label"].to_numpy().copy()


def fresh_network(arguments):
    torch.manual_seed(0)
    return build_model(json.loads(arguments.model), (32, 32, 3), 10, MEAN, STD).to(arguments.device)


def recipe(arguments, precision: str) -> Training:
    return Training(
        model=json.loads(arguments.model),
        epochs=1,
        batch_size=256,
        optimizer={"name": "adam", "learning_rate": 1e-3, "weight_decay": 1e-4},
        augmentation={"crop_padding": 4, "flip": True},
        precision=precision,
    )


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def engine_epoch(arguments, network, images, labels, records=(), clock=time.perf_counter, precision="auto") -> float:
    """Return the seconds of one epoch of this engine."""
    source = ResidentImages(torch.from_numpy(images).to(arguments.device))
    labels = torch.from_numpy(labels).to(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        recorder = DynamicsRecorder(folder, records, labels, 10, torch.float32, Group()) if records else None
        if recorder:
            recorder.observer.n_epochs = 1  # as from the second epoch on, when TDDS compares
        chosen = recipe(arguments, precision)
        epochs = Epochs(len(labels), chosen, 0, "training")
        trainer = Trainer(network, source, labels, chosen, epochs, recorder)
        wait(arguments.device)
        started = clock()
        trainer.run()
        wait(arguments.device)
        return clock() - started


class PlainImages(torch.utils.data.Dataset):
    """PIL images through torchvision's transforms."""

    def __init__(self, images, labels):
        from score_extrapolation.torchvision_import import torchvision

        transforms = torchvision.transforms
        self.images, self.labels = [Image.fromarray(image) for image in images], labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, row):
        return self.transform(self.images[row]), self.labels[row]


def plain_epoch(arguments, network, images, labels) -> float:
    """Return the seconds of one epoch of the plain recipe, on the same network in its default layout."""
    loader = torch.utils.data.DataLoader(PlainImages(images, labels), 256, shuffle=True, num_workers=arguments.workers)
    network = torch.nn.Sequential(network.trunk, network.head).to(memory_format=torch.contiguous_format).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-4)
    wait(arguments.device)
    started = time.perf_counter()
    for inputs, targets in loader:
        inputs, targets = inputs.to(arguments.device), targets.to(arguments.device)
        loss = cross_entropy(network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
    wait(arguments.device)
    return time.perf_counter() - started


def matmul_flops(device: str) -> float:
    """Return the floating-point operations a second of a large matrix product in the engine's precision: the floor."""
    dtype = torch.bfloat16 if multiplies_bfloat16(torch.device(device)) else torch.float32
    a = torch.rand(2048, 2048, device=device).to(dtype)
    rates = []
    for _ in range(8):
        wait(device)
        started = time.perf_counter()
        a @ a
        wait(device)
        rates.append(2 * 2048**3 / (time.perf_counter() - started))
    return max(rates)


def step_flops(arguments) -> int:
    """Return the operations of forward and backward for one image."""
    network = fresh_network(arguments)
    images = torch.zeros((8, 32, 32, 3), dtype=torch.uint8, device=arguments.device)
    with FlopCounterMode(display=False) as counter:
        cross_entropy(network(images), torch.zeros(8, dtype=torch.int64, device=arguments.device)).backward()
    return counter.get_total_flops() // 8


def compare_speed(arguments) -> None:
    images, labels = read_images(arguments.images, arguments.n)
    times = {"plain": [], "engine": []}
    networks = {name: fresh_network(arguments) for name in times}
    for repetition in range(arguments.repetitions + 1):
        for name, epoch in (("plain", plain_epoch), ("engine", engine_epoch)):
            seconds = epoch(arguments, networks[name], images, labels)
            if repetition:
                times[name].append(seconds)
    rates = {name: [arguments.n / s for s in seconds] for name, seconds in times.items()}
    for name, values in rates.items():
        print(f"{name}: {statistics.median(values):.0f} images/s ({min(values):.0f} to {max(values):.0f})")
    ratios = [engine / plain for engine, plain in zip(rates["engine"], rates["plain"], strict=True)]
    print(f"engine / plain: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    reached, peak = step_flops(arguments) * statistics.median(rates["engine"]), matmul_flops(arguments.device)
    print(f"engine: {reached / 1e9:.0f} GFLOP/s, {reached / peak:.0%} of a matrix product's {peak / 1e9:.0f}")


def compare_precisions(arguments) -> None:
    images, labels = read_images(arguments.images, arguments.n)
    times = {name: [] for name in ("float32", "auto", "bfloat16")}
    networks = {name: fresh_network(arguments) for name in times}
    for repetition in range(arguments.repetitions + 1):
        for name, seconds in times.items():
            epoch = engine_epoch(arguments, networks[name], images, labels, precision=name)
            if repetition:
                seconds.append(epoch)
    for name, seconds in times.items():
        rates = [arguments.n / s for s in seconds]
        print(f"{name}: {statistics.median(rates):.0f} images/s ({min(rates):.0f} to {max(rates):.0f})")


def compare_passes(arguments) -> None:
    clock = time.process_time if arguments.device == "cpu" else time.perf_counter
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (arguments.n, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, arguments.n)
    for model in NETWORKS:
        torch.manual_seed(0)
        network = build_model(model, (32, 32, 3), 10, MEAN, STD).to(arguments.device)
        shares = []
        for repetition in range(arguments.repetitions + 1):
            trained = engine_epoch(arguments, network, images, labels, (), clock, "auto")
            share = prediction_seconds(arguments, network, images, clock) / trained
            if repetition:
                shares.append(share)
        share, low, high = statistics.median(shares), min(shares), max(shares)
        print(f"{model}: a prediction takes {share:.2f} of a training ({low:.2f} to {high:.2f})")


def prediction_seconds(arguments, network, images, clock) -> float:
    """Return the seconds that it takes to predict all images."""
    source = ResidentImages(torch.from_numpy(images).to(arguments.device))
    wait(arguments.device)
    started = clock()
    for _ in predict(network, source, "auto"):
        pass
    wait(arguments.device)
    return clock() - started


def compare_recording(arguments) -> None:
    images, labels = read_images(arguments.images, arguments.n)
    kinds = {"none": (), "du": ("probability",), "tdds": ("divergence",)}
    network = fresh_network(arguments)
    for clock, of in ((time.perf_counter, "on the clock"), (time.process_time, "of the processor")):
        times = {name: [] for name in kinds}
        for repetition in range(arguments.repetitions + 1):
            for name, records in kinds.items():
                seconds = engine_epoch(arguments, network, images, labels, records, clock)
                if repetition:
                    times[name].append(seconds)
        for name in ("du", "tdds"):
            overheads = [one / none - 1 for one, none in zip(times[name], times["none"], strict=True)]
            low, high = min(overheads), max(overheads)
            print(f"{name}, {of}: {statistics.median(overheads):+.1%} of an epoch ({low:+.1%} to {high:+.1%})")
    observe = {name: observation_seconds(arguments.device, records) for name, records in kinds.items() if records}
    epoch = statistics.median(times["none"]) / arguments.n * 256
    for name, seconds in observe.items():
        print(f"observing a batch for {name}: {1e6 * seconds:.0f} us, {seconds / epoch:.2%} of a step")


def observation_seconds(device: str, records: tuple) -> float:
    """Return the seconds that it takes to observe one batch, by itself."""
    observer = Observer(records, 50_000, 10, device)
    observer.n_epochs = 1
    rows = torch.randperm(50_000)[:256].to(device)
    predictions, labels = torch.randn(256, 10, device=device).log_softmax(1), torch.zeros(256, dtype=torch.int64)
    seconds = []
    for _ in range(300):
        wait(device)
        started = time.perf_counter()
        observer.observe(rows, predictions, labels.to(device))
        wait(device)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def measure_memory(arguments) -> None:
    n, n_classes, trajectory = arguments.samples, arguments.classes, 10
    from score_extrapolation.scores.tdds import Accumulator, Options

    batch = torch.randn(1000, n_classes).log_softmax(1)
    Observer(["divergence"], 1000, n_classes, "cpu").observe(torch.arange(1000), batch, torch.zeros(1000).long())
    process = psutil.Process()
    for dtype in (torch.float32, torch.float16):
        before, peak = process.memory_info().rss, 0
        observer = Observer(["divergence"], n, n_classes, "cpu", previous_dtype=dtype)
        accumulator = Accumulator(Options(trajectory=trajectory), n)
        started = time.perf_counter()
        for _ in range(trajectory):
            for start in range(0, n, 1000):
                rows = torch.arange(start, start + 1000)
                observer.observe(rows, batch.roll(start // 1000, 1), torch.zeros(1000, dtype=torch.int64))
                peak = max(peak, process.memory_info().rss - before)
            observer.end_epoch()
            accumulator.update(observer.values["divergence"].numpy())
        seconds = (time.perf_counter() - started) / trajectory
        accumulator.finish()
        peak = max(peak, process.memory_info().rss - before)
        bound = n * n_classes * dtype.itemsize + n * trajectory * 4
        print(
            f"tdds, n = {n}, C = {n_classes}, {dtype}: {peak / 1e6:.0f} MB more, n C + n T is {bound / 1e6:.0f} MB "
            f"({peak / bound:.2f} of it), {seconds:.1f} s an epoch"
        )
        del observer, accumulator


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "precision", "recording", "memory", "passes"))
    parser.add_argument("--images", help="CIFAR-10 as Parquet")
    parser.add_argument("--n", type=int, default=5120, help="images an epoch")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", default='{"name": "resnet9", "width": 32}')
    parser.add_argument("--workers", type=int, default=2, help="of the plain recipe's DataLoader")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, default=200_000, help="of memory")
    parser.add_argument("--classes", type=int, default=365, help="of memory")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    measures = {
        "speed": compare_speed,
        "precision": compare_precisions,
        "recording": compare_recording,
        "memory": measure_memory,
        "passes": compare_passes,
    }
    measures[chosen.what](chosen)
