"""Malicious files are refused: checkpoints, links in a run, arrays, latents and pictures."""

import ast
import gzip
import os
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import aectl as package
from aectl.data.arrays import Idx, Npz
from aectl.data.torchvision import Torchvision
from aectl.io import latent_tables
from aectl.io.atomic import write_text
from aectl.modalities import image_files
from aectl.modalities.picture_listing import list_images
from aectl.runs import open as open_run
from tests.conftest import Aectl
from tests.support.attack_files import Payload, archive, entries_of, nested_tuples, pickled, put, refused, refused_run

GIGABYTE = 2**30


@pytest.fixture
def run(runs: dict[str, Path]) -> Path:
    return runs["ae"]


@pytest.fixture
def best(run: Path) -> Path:
    return run / "checkpoints" / "best.ckpt"


class TestCheckpoint:
    """Every attack is tried as best.ckpt of a run, and as a lone file."""

    def refuse(self, best: Path, content: bytes | dict[str, bytes], lone: Path, said: str = ".") -> None:
        if isinstance(content, dict):
            archive(best, content)
        else:
            best.write_bytes(content)
        lone.write_bytes(best.read_bytes())
        refused_run(best.parents[1], said)
        refused_run(lone, said)

    @pytest.mark.parametrize("call", [os.system, subprocess.call, eval, exec, print, torch.load, bytearray, np.zeros])
    def test_a_pickle_that_calls_a_function_is_refused(self, best: Path, tmp_path: Path, call: object) -> None:
        canary, lone = tmp_path / "it-ran", tmp_path / "lone.ckpt"
        payload = Payload(call, f"touch {canary}")  # type: ignore[arg-type]
        good = entries_of(best)
        self.refuse(best, {**good, "data.pkl": pickled(payload)}, lone, "which no weights need")
        self.refuse(best, {**good, "data.pkl": pickled({"state_dict": payload})}, lone, "which no weights need")
        self.refuse(best, pickled(payload), lone, "not a checkpoint")
        torch.save({"state_dict": payload}, best, _use_new_zipfile_serialization=False)
        self.refuse(best, best.read_bytes(), lone, "not a checkpoint")
        assert not canary.exists()

    def test_a_pickle_that_would_exhaust_memory_is_refused(self, best: Path, tmp_path: Path) -> None:
        for value in (Payload(bytearray, 10**11), Payload(torch.Tensor, 10**11), Payload(set, range(10**9))):
            self.refuse(
                best, {**entries_of(best), "data.pkl": pickled(value)}, tmp_path / "lone.ckpt", "no weights need"
            )

    def test_a_pickle_that_would_load_for_ever_is_refused(self, best: Path, tmp_path: Path) -> None:
        self.refuse(best, {**entries_of(best), "data.pkl": nested_tuples(60)}, tmp_path / "lone.ckpt", "nests tuples")

    def test_a_second_pickle_is_refused(self, best: Path, tmp_path: Path) -> None:
        good, evil = entries_of(best), pickled(Payload(os.system, "true"))
        for name in ("DATA.PKL", "constants.pkl", "code.pkl"):
            self.refuse(best, {**good, name: evil}, tmp_path / "lone.ckpt")

    def test_a_zip_bomb_is_refused(self, best: Path, tmp_path: Path) -> None:
        entries = {**entries_of(best), "data/0": bytes(GIGABYTE // 2)}
        archive(best, entries, zipfile.ZIP_DEFLATED)
        self.refuse(best, best.read_bytes(), tmp_path / "lone.ckpt", "possible decompression bomb")
        archive(best, {**entries, "data/0": bytes(2**20)}, zipfile.ZIP_DEFLATED)
        self.refuse(best, best.read_bytes(), tmp_path / "lone.ckpt", "are compressed")

    def test_a_zip_bomb_with_a_false_size_is_refused(self, best: Path, tmp_path: Path) -> None:
        content = best.read_bytes()
        size = struct.pack("<I", zipfile.ZipFile(best).infolist()[-1].file_size)
        self.refuse(best, content.replace(size * 2, size + struct.pack("<I", 2**31)), tmp_path / "lone.ckpt")

    @pytest.mark.parametrize("shape", [(10**9, 10**9), (2**62,), (1, 10**6, 10**6)])
    def test_weights_larger_than_their_storage_are_refused(
        self, best: Path, run: Path, tmp_path: Path, shape: tuple[int, ...]
    ) -> None:
        contents = torch.load(best, weights_only=True)
        contents["state_dict"]["model.encoder.1.weight"] = torch.zeros(1).expand(shape)
        torch.save(contents, best)
        config = yaml.safe_load((run / "config.yaml").read_text())
        (run / "config.yaml").write_text(yaml.safe_dump(put(config, "model.net.hidden", [10**9])))
        self.refuse(best, best.read_bytes(), tmp_path / "lone.ckpt")

    def test_a_storage_shorter_than_its_tensor_is_refused(self, best: Path, tmp_path: Path) -> None:
        good = entries_of(best)
        name = max((name for name in good if name.startswith("data/")), key=lambda name: len(good[name]))
        self.refuse(best, {**good, name: good[name][:8]}, tmp_path / "lone.ckpt")
        self.refuse(best, {**good, name: b""}, tmp_path / "lone.ckpt")

    @pytest.mark.parametrize(
        "weights",
        [
            {7: torch.zeros(1)},
            {"model.a": 3},
            {"model.a": [torch.zeros(1)]},
            {"model.a": torch.eye(3).to_sparse()},
            {"model.a": torch.zeros(3)},
            {},
            [1, 2],
            None,
        ],
        ids=str,
    )
    def test_weights_other_than_tensors_by_name_are_refused(self, best: Path, tmp_path: Path, weights: object) -> None:
        contents = torch.load(best, weights_only=True)
        torch.save({**contents, "state_dict": weights}, best)
        self.refuse(best, best.read_bytes(), tmp_path / "lone.ckpt")

    @pytest.mark.parametrize("stored", [None, [], "text", {}, {"config": 3}, {"config": ["a"]}], ids=str)
    def test_a_lone_file_without_a_config_is_refused(self, best: Path, tmp_path: Path, stored: object) -> None:
        contents = torch.load(best, weights_only=True)
        torch.save({**contents, "aectl": stored}, tmp_path / "lone.ckpt")
        refused_run(tmp_path / "lone.ckpt", "not one of aectl's")

    def test_other_files_are_refused(self, best: Path, tmp_path: Path) -> None:
        content = best.read_bytes()
        for other in (b"", b"PK", content[:1000], content[:-1], content[1000:], b"\x80\x02.", bytes(10**6)):
            self.refuse(best, other, tmp_path / "lone.ckpt", "not a checkpoint")


class TestLinks:
    """Neither a link in a run nor a path in its config makes a verb write elsewhere."""

    VERBS = (
        ("sample", "samples", "n=2"),
        ("plot-latent", "latent", "n=10"),
        ("encode", "latents", "split=val"),
        ("export", "export", "format=torch_export"),
    )

    @pytest.mark.parametrize(("verb", "folder", "override"), VERBS)
    def test_a_link_for_a_folder_of_the_run_is_refused(
        self, run: Path, aectl: Aectl, verb: str, folder: str, override: str
    ) -> None:
        outside = run.parents[1] / "outside"
        outside.mkdir()
        (run / folder).symlink_to(outside)
        result = aectl(verb, run, override)
        assert result.status == 2
        assert "leads out of the run" in result.err
        assert not list(outside.iterdir())

    def test_a_link_for_a_file_of_the_run_is_replaced_not_followed(self, run: Path, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_text("mine")
        for name in ("metrics.json", f".metrics-{os.getpid()}.json"):
            (run / name).symlink_to(victim)
        write_text(run / "metrics.json", "new")
        assert victim.read_text() == "mine"
        assert (run / "metrics.json").read_text() == "new"

    def test_a_link_for_the_folder_beside_a_lone_checkpoint_is_refused(self, best: Path, tmp_path: Path) -> None:
        lone = tmp_path / "lone.ckpt"
        lone.write_bytes(best.read_bytes())
        lone.with_suffix("").symlink_to(tmp_path / "outputs")
        refused_run(lone, "is a link")

    def test_a_stored_data_set_writes_into_the_readers_own_folders(
        self, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AECTL_CACHE", str(tmp_path / "mine"))
        monkeypatch.setenv("AECTL_DATA", str(tmp_path / "data"))
        config, outside = yaml.safe_load((run / "config.yaml").read_text()), str(tmp_path / "outside")
        pictures = {"size": 8, "channels": 1, "resize": "crop", "patches": 1, "val": 0.1, "test": 0.1, "split_seed": 0}
        folder = {
            "_target_": "aectl.data.folder.source.Folder",
            "root": ".",
            "strict": False,
            "cache": outside,
            **pictures,
        }
        clothes = {"_target_": "aectl.data.torchvision.Torchvision", "name": "MNIST", "root": outside}
        clothes |= {"shape": [1, 28, 28], "files": ["MNIST/raw/x"], "unpack_from": None}
        for node, key, own in ((folder, "cache", "mine/folders"), (clothes, "root", "data")):
            (run / "config.yaml").write_text(yaml.safe_dump(put(config, "dataset", node)))
            assert open_run(run, "").cfg.dataset[key] == str(tmp_path / own)
            assert open_run(run, "", trust=True).cfg.dataset[key] == outside

    def test_files_outside_the_root_of_a_data_set_are_refused(self) -> None:
        for file in ("../x", "/etc/x", "a/../../x"):
            refused(lambda file=file: Torchvision("MNIST", "data", (1, 28, 28), [file], None), "below dataset.root")


def header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    """The start of a .npy file that claims an array of any shape."""
    text = str({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n"


class TestArrays:
    """For `dataset=npz`, `dataset=idx` and the latents that `decode` reads."""

    def refuse(self, path: Path) -> None:
        refused(lambda: Npz(str(path), 0.1, 0.1).prepare(), "not a readable .npz file")
        refused(lambda: latent_tables.load(path), "not readable as latents")

    def test_arrays_of_pickled_objects_are_refused(self, tmp_path: Path) -> None:
        canary = tmp_path / "it-ran"
        evil = np.array([Payload(os.system, f"touch {canary}")], dtype=object)
        np.savez(tmp_path / "a.npz", images=evil, codes=evil, names=evil)
        np.save(tmp_path / "a.npy", evil)
        (tmp_path / "b.npz").write_bytes(pickled(Payload(os.system, f"touch {canary}")))
        self.refuse(tmp_path / "a.npz")
        self.refuse(tmp_path / "b.npz")
        refused(lambda: latent_tables.load(tmp_path / "a.npy"), "not readable as latents")
        assert not canary.exists()

    @pytest.mark.parametrize("shape", [(10**12,), (10**9, 10**9), (2**40, 2**40), (-1, 4)], ids=str)
    def test_shapes_larger_than_the_file_are_refused(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
            for name in ("images", "names", "codes"):
                file.writestr(f"{name}.npy", header(shape) + bytes(64))
        (tmp_path / "a.npy").write_bytes(header(shape, "<f4") + bytes(64))
        refused(lambda: Npz(str(tmp_path / "a.npz"), 0.1, 0.1).prepare())
        refused(lambda: latent_tables.load(tmp_path / "a.npz"))
        refused(lambda: latent_tables.load(tmp_path / "a.npy"))

    def test_decompression_bombs_are_refused(self, tmp_path: Path) -> None:
        zeros = header((GIGABYTE // 2,)) + bytes(GIGABYTE // 2)
        with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            file.writestr("images.npy", zeros)
        raw = tmp_path / "raw"
        raw.mkdir()
        with gzip.open(raw / "train-images.gz", "wb", 1) as packed:
            packed.write(b"\0\0\x08\x01" + struct.pack(">i", len(zeros)) + zeros)
        del zeros
        self.refuse(tmp_path / "a.npz")
        refused(lambda: Idx(str(raw), 0.1, 0.1).prepare(), "possible decompression bomb")

    def test_an_idx_file_of_a_shape_larger_than_the_file_is_refused(self, tmp_path: Path) -> None:
        for shape in ((2**31 - 1,) * 3, (-1, 5, 5), (0, 2**31 - 1, 1)):
            (tmp_path / "train-images").write_bytes(b"\0\0\x08\x03" + struct.pack(">3i", *shape) + bytes(9))
            refused(lambda: Idx(str(tmp_path), 0.1, 0.1).prepare())

    def test_a_parquet_column_that_repeats_one_number_is_refused(self, tmp_path: Path) -> None:
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        column = arrow.array(np.zeros(2**26, np.int8)).dictionary_encode()
        parquet.write_table(arrow.table({"name": column, "z1": column}), tmp_path / "a.parquet", compression="zstd")
        refused(lambda: latent_tables.load(tmp_path / "a.parquet"), "possible decompression bomb")

    @pytest.mark.parametrize(
        "text",
        [
            "name,label,z1\na,x\nb",
            "name,z1,label\na,1,2",
            "name,z1\na,1,2",
            "name,z1\na,b",
            "name\na",
            "z1,z2\n1,2",
            "",
        ],
    )
    def test_a_csv_that_is_not_a_table_of_latents_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a.csv").write_text(text)
        refused(lambda: latent_tables.load(tmp_path / "a.csv"), "not readable as latents")


def png(width: int, height: int, data: bytes = b"", *chunks: tuple[bytes, bytes]) -> bytes:
    """A gray PNG with these pixels as zlib packed them."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


class TestPictures:
    def test_postscript_is_not_interpreted(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) print\nshowpage\n%%EOF\n")
        refused(lambda: image_files.read_image(tmp_path / "a.png"), "not a picture")
        refused(lambda: image_files.read_header(tmp_path / "a.png"), "not a picture")

    @pytest.mark.parametrize("sides", [(12_000, 12_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (1, 10**9)], ids=str)
    def test_images_of_far_too_many_pixels_are_refused(self, tmp_path: Path, sides: tuple[int, int]) -> None:
        rows = zlib.compress(bytes((sides[0] + 1) * sides[1])) if sides[0] == 12_000 else b""
        (tmp_path / "a.png").write_bytes(png(*sides, rows))
        refused(lambda: image_files.read_image(tmp_path / "a.png"), "too large")

    def test_a_text_chunk_that_unpacks_to_a_gigabyte_is_refused(self, tmp_path: Path) -> None:
        text = b"a\0\0" + zlib.compress(bytes(GIGABYTE // 2))
        (tmp_path / "a.png").write_bytes(png(1, 1, zlib.compress(bytes(2)), *[(b"zTXt", text)] * 3))
        refused(lambda: image_files.read_image(tmp_path / "a.png"), "damaged")

    def test_only_regular_files_are_found_and_read(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.png")
        (tmp_path / "b.png").symlink_to("/dev/zero")
        (tmp_path / "c").symlink_to(tmp_path)
        assert list_images(tmp_path).files == []
        for name in ("a.png", "b.png", "d.png"):
            refused(lambda name=name: image_files.read_image(tmp_path / name))


def test_no_source_reads_a_pickle() -> None:
    for path in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}, path
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load", "yaml.load"):
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                safe = given.get("weights_only") == "True" or given.get("allow_pickle") == "False"
                assert safe or ast.unparse(node.args[1]) == "LOADER", f"{path}: {ast.unparse(node)}"
