"""Training from a folder of 200,000 pictures."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from aectl.data.folder.source import Folder
from aectl.data.loader import Batches
from aectl.data.source import Split
from aectl.modalities import Images
from tests.benchmarks.processes import number, quietly, timed
from tests.benchmarks.timing import Row, Watch, alternated, row, seconds

MANY, FEW = 200_000, 10_000
SIDE = 64
PAIRS = 5
TRAIN = """
import resource, sys
from aectl.cli.main import main
main(["train", *sys.argv[1:], "net=mlp", "net.hidden=[64]", "trainer.max_epochs=1"])
print("peak", 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30)
"""
ALLOWED = 1.5
BATCH = 128


def pictures(folder: Path, n: int) -> Path:
    """A folder of so many different JPEG files: some hundred pictures, each file with a tail of its own."""
    rng = np.random.default_rng(0)
    files = []
    for _ in range(100):
        noise = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((SIDE, SIDE))
        noise.save(file := io.BytesIO(), "jpeg")
        files.append(file.getvalue())
    for number_ in range(n):
        path = folder / f"{number_ % 1000:03}" / f"{number_}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[number_ % len(files)] + str(number_).encode())
    return folder


def resident(folder: Path) -> Row:
    """The memory of a training from the folder, beyond that of one on embedded patches."""
    watch, root = Watch(), pictures(folder / "many", MANY)
    own = ["dataset=folder", f"dataset.root='{root}'", f"dataset.cache='{folder / 'cache'}'"]
    peaks = {}
    for name, data in {"folder": own, "bare": ["dataset=photos", f"dataset.size={SIDE}"]}.items():
        peaks[name] = number(r"peak ([\d.]+)", timed("-c", TRAIN, *data, f"hydra.run.dir='{folder / name}'")[1])
    pairs = [(peaks["folder"] - peaks["bare"], ALLOWED)]
    return row(f"memory to train from {MANY:,} pictures", f"{ALLOWED} GiB", 1.0, pairs, watch.others(), "GiB")


def mapped(folder: Path) -> Row:
    """An epoch from the map beside one over the same images in memory."""
    split = opened(folder, MANY).split("train")
    held = Batches(Split(split.x.clone()), BATCH, shuffle=True)
    from_file = Batches(split, BATCH, shuffle=True)
    watch = Watch()
    pairs = alternated(lambda: epoch(from_file), lambda: epoch(held), PAIRS)
    return row(f"an epoch of {MANY:,} pictures of a folder", "the same in memory", 1 / 1.2, pairs, watch.others())


def flat(folder: Path) -> Row:
    """The cost of an image in a large folder beside that in a small one."""
    many, few = (Batches(opened(folder / str(n), n).split("train"), BATCH, shuffle=True) for n in (MANY, FEW))
    times = len(many) // len(few)

    def often() -> None:
        for _ in range(times):
            epoch(few)

    watch = Watch()
    pairs = alternated(lambda: epoch(many), often, PAIRS)
    pairs = [(ours / len(many), peers / len(few) / times) for ours, peers in pairs]
    return row(f"a batch of {MANY:,} pictures", f"a batch of {FEW:,}", 0.9, pairs, watch.others())


def again(folder: Path) -> Row:
    """The second start from a folder beside the first, which decodes it."""
    root, cache = pictures(folder / "many", MANY), folder / "cache"
    watch = Watch()
    first = seconds(lambda: made(root, cache).prepare())
    pairs = [(seconds(lambda: made(root, cache).prepare()), first) for _ in range(PAIRS)]
    return row(f"a second start from {MANY:,} pictures", "the first, which decodes them", 20, pairs, watch.others())


def opened(folder: Path, n: int) -> Folder:
    """A folder of so many pictures, decoded."""
    return made(pictures(folder / "many", n), folder / "cache")


def made(root: Path, cache: Path) -> Folder:
    """The data set of a folder."""
    quiet = Folder(str(root), SIDE, 3, "crop", 1, 0.05, 0.05, 0, False, str(cache))
    quietly(quiet.prepare)
    return quiet


def epoch(batches: Batches) -> None:
    """Trains a small autoencoder, so that what the data cost is seen."""
    torch.manual_seed(0)
    size = 3 * SIDE**2
    net = torch.nn.Sequential(torch.nn.Linear(size, 32), torch.nn.ReLU(), torch.nn.Linear(32, size))
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    for batch in batches:
        x = Images((3, SIDE, SIDE)).to_model(batch["x"]).flatten(1)
        loss = (net(x) - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
