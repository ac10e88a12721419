"""Every stage asks for something that there is: whole GPUs or parts of one, and none where the device is the CPU."""

from ..messages import Faults


def find(sound) -> Faults:
    """Yield the contradictions within resources."""
    if sound.resources:
        yield from _in_default(sound.resources.get("default"))
        yield from _in_shards(sound.resources)
        if sound.device == "cpu":
            yield from _in_gpus(sound.resources)


def _in_default(default) -> Faults:
    text = "is missing; every stage that does not set it takes it from here"
    if default is None:
        yield ("resources", "default"), text
    for key, value in default or ():
        if value is None:
            yield ("resources", "default", key), text


def _in_shards(resources: dict) -> Faults:
    default = resources.get("default")
    for stage, asked in resources.items():
        gpu, shards = (
            getattr(asked, key) if getattr(asked, key) is not None else getattr(default, key, None)
            for key in ("gpu", "gpu_shards")
        )
        if gpu and shards:
            text = f"= {shards}, but gpu is {gpu}: a job has whole GPUs or parts of one; set one of them to 0"
            yield ("resources", stage, "gpu_shards"), text


def _in_gpus(resources: dict) -> Faults:
    for stage, asked in resources.items():
        if (asked.gpu or 0) > 1:
            yield ("resources", stage, "gpu"), f"= {asked.gpu}, but device is cpu; set gpu: 0, or device: auto or cuda"
