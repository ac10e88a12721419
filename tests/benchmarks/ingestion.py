"""JPEG files into the sample store: its speed beside plain PIL's and the limits of decoder and disk, memory, kill -9.

    python tests/benchmarks/ingestion.py --n 200000
    python tests/benchmarks/ingestion.py --n 200000 --kill

The images are mixed of a few hundred random textures, each another but for those few that are mixed of one texture
alone, of --side pixels, in ten class folders, and kept in --folder for the next call. Each way is a process of its
own, in turn, --repetitions times; its seconds are those of the work, without imports, and the files are in the page
cache if they fit. `pil` is one process as people write it: Image.open, convert, resize, np.asarray. `decoder` is as
many processes as the store has, each decoding and resizing its share of the files by the same function, and keeping
nothing. `disk` writes as many bytes as the store has, from one buffer, and has them written out, which the store
leaves to the system. Memory is of the process and its children, each page counted once (PSS), twice a second: the
highest in the first quarter of the images and in the last.

--kill compares a store that is killed half-way and taken up with an undisturbed one, byte by byte.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--n", type=int, default=200_000, help="images")
parser.add_argument("--side", type=int, default=160, help="pixels of a file's image")
parser.add_argument("--image-size", type=int, default=64, help="pixels of a stored image")
parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="that decode")
parser.add_argument("--repetitions", type=int, default=3)
parser.add_argument("--ways", nargs="+", default=["pil", "decoder", "disk", "store"])
parser.add_argument("--folder", default="ingestion", help="where the files are kept and the stores are written")
parser.add_argument("--kill", action="store_true")
parser.add_argument("--job", help=argparse.SUPPRESS)  # what a process of its own does
arguments = parser.parse_args()

FOLDER = Path(arguments.folder)
IMAGES = FOLDER / f"{arguments.n}-of-{arguments.side}"
STORE = FOLDER / "samples"
SIZE = (arguments.image_size, arguments.image_size)
TEXTURES, CLASSES = 300, 10


def paths() -> list[Path]:
    """Return all files in the order in which the store reads them."""
    return [IMAGES / f"{i * CLASSES // arguments.n}" / f"{i:08}.jpg" for i in range(arguments.n)]


# Processes of their own: the libraries are imported here, so that the one that starts them stays small.


def make_images() -> None:
    """Write what is missing: two textures each, mixed in a ratio of its own."""
    from PIL import Image

    missing = [path for path in paths() if not path.exists()]
    for name in {path.parent for path in missing}:
        name.mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool(initializer=make_textures) as pool:
        pool.map(make_image, missing, chunksize=256)
    bytes_of_some = statistics.mean(path.stat().st_size for path in paths()[:1000])
    with Image.open(paths()[0]) as image:
        print(f"{arguments.n} JPEG files of {image.width} x {image.height}, {bytes_of_some / 1000:.1f} kB each")


def make_textures() -> None:
    """Make sums of smooth noise of four scales, the finer the weaker, as photographs have it."""
    global textures
    import numpy as np
    from PIL import Image

    rng, textures = np.random.default_rng(0), []
    for _ in range(TEXTURES):
        total = np.zeros((arguments.side, arguments.side, 3))
        for cells, weight in ((3, 60), (10, 30), (40, 12), (arguments.side, 5)):
            noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
            smooth = noise.resize((arguments.side, arguments.side), Image.Resampling.BICUBIC)
            total += weight * (np.asarray(smooth) / 128.0 - 1)
        textures.append(Image.fromarray((total + 128).clip(0, 255).astype(np.uint8)))


def make_image(path: Path) -> None:
    from PIL import Image

    number = int(path.stem)
    first, second = textures[number % TEXTURES], textures[number * 7 // TEXTURES % TEXTURES]
    image = Image.blend(first, second, 0.2 + 0.6 * number / arguments.n)
    with path.open("wb") as file:
        image.save(file, "JPEG", quality=90)


def run_pil() -> None:
    import numpy as np
    from PIL import Image

    with timed():
        for path in paths():
            np.asarray(Image.open(path).convert("RGB").resize(SIZE, Image.Resampling.BICUBIC))


@contextlib.contextmanager
def timed() -> Iterator[None]:
    """Say how many seconds the block took."""
    started = time.perf_counter()
    yield
    print(time.perf_counter() - started)


def run_decoder() -> None:
    from score_extrapolation.datasets.store.decoding import decode_image

    with timed():
        started = [
            multiprocessing.Process(target=decode_share, args=[decode_image, i]) for i in range(arguments.processes)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join()


def decode_share(decode_image: Callable, number: int) -> None:
    for path in paths()[number :: arguments.processes]:
        decode_image(path, 3, SIZE)


def run_disk() -> None:
    piece = bytes(os.urandom(2**22))
    left = arguments.n * SIZE[0] * SIZE[1] * 3
    with timed(), tempfile.TemporaryFile(dir=FOLDER) as file:
        while left > 0:
            left -= file.write(piece[:left])
        file.flush()
        os.fsync(file.fileno())


def run_store() -> None:
    import pandas  # noqa: F401, which pyarrow imports for its first table

    import score_extrapolation.datasets.readers.imagefolder  # noqa: F401, so that importing does not count
    from score_extrapolation.datasets.store.preparation import StoredImages, prepare_samples
    from score_extrapolation.datasets.store.sets import Sources

    sources, stored = Sources("imagefolder", [str(IMAGES)]), StoredImages(image_size=SIZE[0])
    with timed():
        prepare_samples(sources, STORE, stored, threads=arguments.processes)


JOBS = {"images": make_images, "pil": run_pil, "decoder": run_decoder, "disk": run_disk, "store": run_store}


# In the process that starts them.


class Memory(threading.Thread):
    """Watches a process and its children: bytes of memory, and how many images the store has by then."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.seen = pid, []

    def run(self) -> None:
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            while True:
                total = 0
                for one in [process, *process.children(recursive=True)]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        total += one.memory_full_info().pss
                self.seen.append((images_stored(), total))
                time.sleep(0.5)  # each look takes some of the processor

    def highest(self, first: float, last: float) -> float:
        """Return the highest in MB between two shares of the images."""
        within = (total for n, total in self.seen if first * arguments.n < n <= last * arguments.n)
        return max(within, default=float("nan")) / 1e6


def images_stored() -> int:
    path = Path(f"{STORE}.unfinished/store/train.npy")
    try:
        return path.stat().st_size // (SIZE[0] * SIZE[1] * 3)
    except OSError:
        return 0


def remove_store() -> None:
    for folder in (STORE, Path(f"{STORE}.unfinished")):
        subprocess.run(["rm", "-rf", folder], check=True)


def start(way: str) -> subprocess.Popen:
    command = [sys.executable, __file__, *sys.argv[1:], "--job", way]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run(way: str) -> tuple[float, Memory]:
    """Run one way; return its seconds and what memory it took."""
    process = start(way)
    memory = Memory(process.pid)
    if way == "store":
        memory.start()
    printed, _ = process.communicate()
    assert process.returncode == 0, way
    return float(printed), memory


def compare_ways() -> None:
    taken, n_bytes = {way: [] for way in arguments.ways}, arguments.n * SIZE[0] * SIZE[1] * 3
    for _ in range(arguments.repetitions):
        for way in arguments.ways:
            remove_store()
            seconds, memory = run(way)
            taken[way].append(seconds)
            line = f"{way}: {arguments.n / seconds:.0f} images/s, {n_bytes / seconds / 1e6:.0f} MB/s of pixels"
            if way == "store":
                line += f"; {memory.highest(0, 0.25):.0f} MB at the start, {memory.highest(0.75, 1):.0f} MB at the end"
            print(line, flush=True)
    middle = {way: statistics.median(times) for way, times in taken.items()}
    if "store" in middle:
        for way in set(middle) - {"store"}:
            ratios = [theirs / ours for theirs, ours in zip(taken[way], taken["store"], strict=True)]
            least, most = min(ratios), max(ratios)
            print(
                f"store: {middle[way] / middle['store']:.2f} of {way}'s speed ({least:.2f} to {most:.2f} in its turns)"
            )


def kill_and_compare() -> None:
    import numpy as np
    import pyarrow.parquet as pq

    remove_store()
    process = start("store")
    while images_stored() < arguments.n / 2:
        assert process.poll() is None, "the store was finished before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    state = Path(f"{STORE}.unfinished/state.json")
    saved = json.loads(state.read_text())["read"]["train"] if state.exists() else 0
    print(f"killed with {images_stored()} images written; goes on after {saved}", flush=True)
    print(f"the rest: {run('store')[0]:.1f} s", flush=True)
    sources = pq.read_table(STORE / "train.parquet")["source"].to_pylist()
    lost, doubled = set(map(str, paths())) - set(sources), len(sources) - len(set(sources))
    n_rows = len(np.load(STORE / "train.npy", mmap_mode="r"))
    print(f"{n_rows} images, {len(lost)} lost, {doubled} doubled", flush=True)
    again = STORE.with_name("taken-up")
    subprocess.run(["rm", "-rf", again], check=True)
    os.replace(STORE, again)
    print(f"undisturbed: {run('store')[0]:.1f} s", flush=True)
    same = subprocess.run(["diff", "-r", STORE, again]).returncode == 0
    print("the same bytes" if same else "OTHER BYTES")
    subprocess.run(["rm", "-rf", again], check=True)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, __file__, *sys.argv[1:], "--job", "images"], check=True)
    kill_and_compare() if arguments.kill else compare_ways()
    remove_store()


if __name__ == "__main__":
    JOBS[arguments.job]() if arguments.job else main()
