"""What the workflow costs from one million to one billion images: the tables of docs/scale.md, by arithmetic.

    python docs/scale.py --write
    python docs/scale.py --gpu-hour 2 --share 0.2

The first writes the tables into the page, the second prints them for another price or GPU; a test fails where the page
is not what the first writes. Constants were measured, on CPUs and of files of the workflow; options are assumed.
"""

import argparse
import math
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).with_name("scale.md")

# Counted by torch.utils.flop_counter, of one image of 224 x 224 and 1,000 classes: forward, and forward and backward.
FORWARD = {"resnet18": 3_628_146_688, "resnet50": 8_178_368_512}
STEP = {"resnet18": 10_648_412_160, "resnet50": 24_299_077_632}

# Bytes of a sample in the files, as Parquet compresses them.
IMAGE = 224 * 224 * 3  # in samples/train.npy
SAMPLE = 6.6  # id, one of 1,000 labels, a path of 27 letters that is like the one before it
SUBSET = 2.5
RECORD = 4.0  # an epoch of training dynamics
SCORE = 4.7
EMBEDDED = 1.23  # one number of an embedding as float16
PREDICTED = 20.9  # by three networks
DISTANCE = 2.8  # of one neighbour; its id takes the bytes that a number as large needs
EXTRAPOLATED = 45.0  # 40 of these are draws

# Seconds of one core, for a sample.
DECODE_S = 3.5e-3  # a JPEG file of 500 x 375 pixels and 118 kB, to 224 x 224
SCORE_S = 1.4e-7  # DU, for an epoch
KNN_S = 3.4e-6  # k = 20
GNN_TRAINING_S = 1.1e-4  # an epoch, for a sample with a score
GNN_INFERENCE_S = 5.5e-5  # and making the graph
SELECTION_S = 4.2e-7  # class_balanced; top takes 3e-7

# Bytes of memory: for a sample, where a job holds all of them, at a million; what reading an embedding takes; and a
# process's own, without and with torch.
IN_MEMORY = {"samples": 270, "embeddings": 3100, "KNN": 750, "GNN": 8900}
READ_EMBEDDING = 3800
PROCESS, TORCH_PROCESS = 0.45e9, 0.65e9

WIDTH, K_SUBSET, K_ALL, NETWORKS, GNN_EPOCHS = 512, 20, 10, 3, 25


class Size(NamedTuple):
    """A data set, the part that is trained on for scores, and the epochs of both trainings."""

    n: int
    fraction: float
    scoring_epochs: int
    final_epochs: int

    @property
    def m(self) -> int:
        return round(self.fraction * self.n)


SIZES = [
    Size(1_280_000, 0.2, 90, 90),
    Size(10**7, 0.1, 50, 30),
    Size(10**8, 0.02, 50, 10),
    Size(10**9, 0.01, 30, 3),
]
SMALLER_SUBSET = Size(10**9, 0.001, 30, 3)


class Stage(NamedTuple):
    """What a stage costs.

    Attributes
    ----------
    flops : float
        Of networks and of matrix products.
    core_s : float
        Seconds of one core.
    read : float
        Bytes of images that go through the job to the GPU; 0 where they lie there.
    disk : float
        Bytes written that stay.
    memory : float
        Bytes that its one job holds on the host, without `shards`.
    is_search : bool
        Its operations are those of the search for neighbours, in float32.
    """

    name: str
    flops: float = 0
    core_s: float = 0
    read: float = 0
    disk: float = 0
    memory: float = PROCESS
    is_search: bool = False


def stages(size: Size, given: argparse.Namespace) -> list[Stage]:
    """Return all stages, those of which only one extrapolator has need with its name."""
    n, m, rest, kept = size.n, size.m, size.n - size.m, round((1 - given.rate) * size.n)
    embedding = EMBEDDED * WIDTH

    def neighbors(name, queries, base, k, of):
        found = queries * k
        return Stage(
            f"neighbors of {name}",
            flops=2.0 * queries * base * WIDTH,
            disk=found * (DISTANCE + math.ceil(math.log2(of) / 8)) + queries,
            memory=PROCESS + n * READ_EMBEDDING + 4 * base * WIDTH + 12 * found,
            is_search=True,
        )

    def train(name, network, samples, epochs, disk, memory):
        resident = samples * IMAGE <= given.resident
        passes = 0 if resident else epochs
        return Stage(name, samples * epochs * STEP[network], read=passes * samples * IMAGE, disk=disk, memory=memory)

    dynamics = m * size.scoring_epochs * RECORD
    return [
        Stage("samples", core_s=n * DECODE_S, disk=n * (IMAGE + SAMPLE), memory=PROCESS + n * IN_MEMORY["samples"]),
        Stage("subset", disk=m * SUBSET, memory=PROCESS + 24 * n),
        train("training", "resnet18", m, size.scoring_epochs, dynamics, TORCH_PROCESS + 16 * m),
        Stage("scores", core_s=m * size.scoring_epochs * SCORE_S, disk=m * SCORE, memory=PROCESS + 100 * m),
        Stage(
            "embeddings",
            n * FORWARD["resnet18"],
            read=n * IMAGE,
            disk=n * embedding,
            memory=TORCH_PROCESS + n * IN_MEMORY["embeddings"],
        ),
        Stage(
            "predictions (held_out)",
            (NETWORKS - 1) * rest * FORWARD["resnet18"],
            read=(NETWORKS - 1) * rest * IMAGE,
            disk=rest * PREDICTED,
            memory=TORCH_PROCESS + n * READ_EMBEDDING,
        ),
        neighbors("subset (KNN)", rest, m, K_SUBSET, m),
        neighbors("all (GNN)", n, n, K_ALL, n),
        Stage("KNN", core_s=rest * KNN_S, disk=n * EXTRAPOLATED, memory=PROCESS + n * IN_MEMORY["KNN"]),
        Stage(
            "GNN",
            core_s=m * GNN_EPOCHS * GNN_TRAINING_S + n * GNN_INFERENCE_S,
            disk=n * EXTRAPOLATED,
            memory=n * IN_MEMORY["GNN"],
        ),
        Stage("selection", core_s=n * SELECTION_S, disk=kept * (SAMPLE + SCORE)),
        train("retraining", "resnet50", kept, size.final_epochs, 1e8, TORCH_PROCESS + 16 * kept),
    ]


def gpu_hours(stage: Stage, given: argparse.Namespace) -> tuple[float, bool]:
    """Return the hours of one GPU, and whether they go by waiting for images."""
    rate = given.search_peak * given.search_share if stage.is_search else given.peak * given.share
    computing, reading = stage.flops / rate / 3600, stage.read / given.read / 3600
    return max(computing, reading), reading > computing


def dollars(gpu_h: float, core_s: float, given: argparse.Namespace) -> float:
    return gpu_h * given.gpu_hour + core_s / 3600 * given.core_hour


def stage_table(size: Size, given: argparse.Namespace) -> list[str]:
    """Return the lines of the table of one size."""
    title = (
        f"**{size.n:,} images**, {100 * size.fraction:g} % for {size.scoring_epochs} epochs, "
        f"{100 * (1 - given.rate):g} % kept for {size.final_epochs}"
    )
    lines = [f"| {title} | FLOPs | GPU h | core h | $ | disk | memory of one job |", "|---|---|---|---|---|---|---|"]
    for stage in stages(size, given):
        hours, waits = gpu_hours(stage, given)
        cells = [
            stage.name,
            f"{stage.flops:.1e}" if stage.flops else "",
            shown(hours) + (" r" if waits else "") if hours else "",
            shown(stage.core_s / 3600) if stage.core_s else "",
            shown(dollars(hours, stage.core_s, given)),
            shown_bytes(stage.disk),
            shown_bytes(stage.memory),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def summary_table(given: argparse.Namespace) -> list[str]:
    """Return the lines of the table of all sizes: the dollars of each way."""
    head = ["images", "subset", "a list by KNN", "by GNN", "of which subset training", "retraining", "training on all"]
    head += ["scores of all by training", "disk", "a month of it"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]

    def cost(stage):
        return dollars(gpu_hours(stage, given)[0], stage.core_s, given)

    for size in [*SIZES, SMALLER_SUBSET]:
        table = {stage.name: stage for stage in stages(size, given)}
        shared = sum(cost(table[name]) for name in ("samples", "training", "scores", "embeddings", "selection"))
        on_all = Stage("", size.n * size.final_epochs * STEP["resnet50"], read=size.n * size.final_epochs * IMAGE)
        scoring = Stage("", size.n * size.scoring_epochs * STEP["resnet18"], read=size.n * size.scoring_epochs * IMAGE)
        n_bytes = sum(stage.disk for stage in table.values())
        cells = [
            f"{size.n:,}",
            f"{100 * size.fraction:g} %",
            shown(shared + cost(table["neighbors of subset (KNN)"]) + cost(table["KNN"])),
            shown(shared + cost(table["neighbors of all (GNN)"]) + cost(table["GNN"])),
            *(shown(cost(stage)) for stage in (table["training"], table["retraining"], on_all, scoring)),
            shown_bytes(n_bytes),
            shown(n_bytes / 1e9 * given.gigabyte_month),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def assumptions(given: argparse.Namespace) -> list[str]:
    """Return what is assumed, as sentences of the page."""
    rates, memory = given.peak / 1e12, given.resident / 1e9
    return [
        f"- **Assumed, not measured**: ${given.gpu_hour:g} for an hour of a GPU, ${given.core_hour:g} for one of a "
        f"core, ${given.gigabyte_month:g} for a gigabyte and month. A GPU is an H100 of 80 GB: {rates:g} TFLOP/s in "
        f"bfloat16, of which networks reach {100 * given.share:g} %, and {given.search_peak / 1e12:g} in float32, of "
        f"which the search reaches {100 * given.search_share:g} %. Up to {memory:g} GB of images lie on it.",
        f"- **Measured**: {given.read / 1e9:g} GB/s of images come to a GPU ({given.read / IMAGE:,.0f} a second), by "
        "one thread that copies them from the page cache; a disk may be slower. `r` marks the stages that wait for it.",
    ]


def shown(value: float) -> str:
    """Return a number with two digits that count."""
    if value == 0:
        return "0"
    if value < 0.01:
        return "< 0.01"
    rounded = float(f"{value:.1e}")
    return f"{rounded:,.{max(0, 1 - math.floor(math.log10(rounded)))}f}"


def shown_bytes(value: float) -> str:
    """Return a number of bytes with two digits that count and its unit."""
    power = min(4, int(math.log10(max(value, 1)) / 3))
    return f"{shown(value / 1000**power)} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def parts(given: argparse.Namespace) -> dict[str, list[str]]:
    """Return the computed parts of the page."""
    tables = [line for size in SIZES for line in [*stage_table(size, given), ""]]
    return {"summary": summary_table(given), "assumptions": assumptions(given), "stages": tables[:-1]}


def written(text: str, given: argparse.Namespace) -> str:
    """Return the page with its computed parts as they are now."""
    for name, lines in parts(given).items():
        begin, end = f"<!-- {name}: computed -->\n", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        text = before + begin + "\n".join([*lines, ""]) + rest[rest.index(end) :]
    return text


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into docs/scale.md instead of printing")
    parser.add_argument("--gpu-hour", type=float, default=3.0, help="dollars")
    parser.add_argument("--core-hour", type=float, default=0.04, help="dollars")
    parser.add_argument("--gigabyte-month", type=float, default=0.02, help="dollars")
    parser.add_argument("--peak", type=float, default=989e12, help="FLOP/s of a GPU in bfloat16")
    parser.add_argument("--share", type=float, default=0.1, help="of that which networks reach")
    parser.add_argument("--search-peak", type=float, default=67e12, help="FLOP/s of a GPU in float32")
    parser.add_argument("--search-share", type=float, default=0.3, help="of that which the search reaches")
    parser.add_argument("--read", type=float, default=0.9e9, help="bytes of images a second that reach a GPU")
    parser.add_argument("--resident", type=float, default=60e9, help="bytes of images that a GPU can hold")
    parser.add_argument("--rate", type=float, default=0.5, help="fraction removed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    given = parse()
    if given.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), given), encoding="utf-8")
    else:
        print("\n\n".join("\n".join(lines) for lines in parts(given).values()))
