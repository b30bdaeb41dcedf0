"""One table over many runs: what differs, seeds, and honest ranking."""

from pathlib import Path

import pytest

from aectl.errors import UserError
from aectl.runs.run import DERIVED as DERIVED_BY_RUNS
from aectl.search.table.collect import collect
from aectl.search.table.differences import differing_keys
from aectl.search.table.facts import RunFacts
from aectl.search.table.flat_config import DERIVED
from aectl.search.table.names import Names
from aectl.search.table.printing import fitting, short_heads
from aectl.search.table.ranking import rank
from aectl.search.table.run_table import Column, RunTable
from aectl.search.table.where import parse_where
from tests.support.synthetic_runs import AE, VAE, write_run


def runs_in(folder: Path) -> list[RunFacts]:
    return sorted(collect([folder]).runs, key=lambda run: run.folder)


def table_of(folder: Path, by: str | None = None, seeds: bool = True) -> RunTable:
    runs = runs_in(folder)
    return RunTable.of(runs, rank(runs, by), seeds)


def names(table: RunTable) -> list[str]:
    return [row.best.name for row in table.rows]


def test_keys_that_data_and_task_decide_are_those_of_a_run() -> None:
    assert set(DERIVED) == set(DERIVED_BY_RUNS)


class TestDifferences:
    def test_only_what_differs_is_a_column(self, tmp_path: Path) -> None:
        for latent_dim in (2, 8):
            write_run(tmp_path / str(latent_dim), {"model.latent_dim": latent_dim}, {**VAE, "val/psnr": latent_dim})
        assert differing_keys(runs_in(tmp_path)) == ["model.latent_dim"]
        heads = [column.name for column in table_of(tmp_path).columns]
        assert heads == [
            "name",
            "model.latent_dim",
            "val/loss",
            "val/psnr",
            "val/ssim",
            "seconds",
            "parameters",
            "path",
        ]

    def test_what_only_goes_with_another_choice_is_left_out_unless_it_was_typed(self, tmp_path: Path) -> None:
        other = {"names.dataset": "kmnist", "dataset.size": 28, "optimizer.lr": 0.002}
        write_run(tmp_path / "a", typed={"names.dataset": "digits"})
        write_run(tmp_path / "b", other, typed={"names.dataset": "kmnist"})
        assert differing_keys(runs_in(tmp_path)) == ["dataset"]
        write_run(tmp_path / "c", other, typed={"optimizer.lr": 0.001})
        assert differing_keys(runs_in(tmp_path)) == ["dataset", "optimizer.lr"]

    def test_a_run_of_python_has_no_record_of_what_was_typed(self, tmp_path: Path) -> None:
        write_run(tmp_path / "a")
        write_run(tmp_path / "b", {**AE, "optimizer.lr": 0.1})
        assert differing_keys(runs_in(tmp_path)) == ["model", "optimizer.lr"]


class TestSeeds:
    def test_runs_that_differ_in_the_seed_only_are_one_row(self, tmp_path: Path) -> None:
        for seed, loss in enumerate((1.0, 2.0, 6.0)):
            write_run(tmp_path / str(seed), {"seed": seed}, {**VAE, "val/loss": loss})
        write_run(tmp_path / "wide", {"net.hidden": [99]}, {**VAE, "val/loss": 9.0})
        table = table_of(tmp_path)
        found = table.rows[0].metric("val/loss")
        assert found == (3.0, pytest.approx(7**0.5), 3)
        assert names(table) == ["0", "wide"]
        assert "seed" not in table.keys
        assert len(table_of(tmp_path, seeds=False).rows) == 4


class TestRanking:
    def test_one_meaning_of_the_loss_is_ranked_by_the_loss(self, tmp_path: Path) -> None:
        for loss in (3.0, 1.0, 2.0):
            write_run(tmp_path / str(loss), {"model.latent_dim": int(loss)}, {**VAE, "val/loss": loss})
        table = table_of(tmp_path)
        assert names(table) == ["1.0", "2.0", "3.0"]
        assert table.ranking.metric == "val/loss" and not table.ranking.why

    def test_a_smaller_beta_does_not_win_by_its_loss(self, tmp_path: Path) -> None:
        write_run(tmp_path / "small", {"model.beta": 0.1}, {**VAE, "val/loss": -99, "val/psnr": 15})
        write_run(tmp_path / "one", {}, {**VAE, "val/psnr": 16})
        table = table_of(tmp_path)
        assert names(table) == ["one", "small"]
        assert "model.beta 0.1, 1" in table.ranking.why and "val/psnr" in table.ranking.why
        assert table.rows[0].metric("val/elbo") == (20.0, None, 1)
        assert {"val/nll", "val/kl", "val/elbo"} <= {column.name for column in table.columns}

    def test_an_ae_does_not_beat_a_vae_by_its_nll(self, tmp_path: Path) -> None:
        write_run(tmp_path / "ae", AE, {"val/loss": -99.0, "val/nll": -99.0, "val/psnr": 15.0})
        write_run(tmp_path / "vae")
        table = table_of(tmp_path)
        assert names(table) == ["vae", "ae"]
        assert "model ae, vae" in table.ranking.why

    @pytest.mark.parametrize("change", [{"likelihood.scale": 0.5, "likelihood.learn_scale": False},
                                        {"model._target_": "aectl.models.variational.lesson.LessonVAE"},
                                        {"data.binarize": "fixed"}], ids=str)  # fmt: skip
    def test_likelihood_convention_and_binarized_data_change_what_a_loss_means(
        self, change: dict[str, object], tmp_path: Path
    ) -> None:
        write_run(tmp_path / "a", change, {**VAE, "val/psnr": 16.0})
        write_run(tmp_path / "b")
        assert table_of(tmp_path).ranking.metric == ("val/loss" if "data.binarize" in change else "val/psnr")

    def test_autoencoders_whose_loss_is_the_nll_alone_are_compared_by_it(self, tmp_path: Path) -> None:
        plain = {"val/loss": -5.0, "val/nll": -5.0, "val/psnr": 15.0}
        write_run(tmp_path / "ae", AE, plain)
        write_run(tmp_path / "sparse", {**AE, "names.model": "k_sparse_ae", "model._target_": "x.KSparse"}, plain)
        assert table_of(tmp_path).ranking.metric == "val/loss"

    def test_other_data_are_ranked_apart(self, tmp_path: Path) -> None:
        for name, size in (("digits", 8), ("digits_28", 28)):
            for psnr in (10, 20):
                config = {"names.dataset": name, "dataset.size": size, "model.latent_dim": psnr}
                write_run(tmp_path / f"{name}-{psnr}", config, {**VAE, "val/loss": -psnr})
        table = table_of(tmp_path)
        assert names(table) == ["digits_28-20", "digits_28-10", "digits-20", "digits-10"]
        assert table.starts == [0, 2]
        assert "ranked within each" in table.ranking.why

    def test_losses_that_differ_are_not_ranked_even_if_asked_for(self, tmp_path: Path) -> None:
        for beta in (0.1, 1.0):
            for loss in (1, 2):
                config = {"model.beta": beta, "model.latent_dim": loss}
                write_run(tmp_path / f"{beta}-{loss}", config, {**VAE, "val/loss": loss * beta})
        table = table_of(tmp_path, by="val/loss")
        assert names(table) == ["0.1-1", "0.1-2", "1.0-1", "1.0-2"] and table.starts == [0, 2]
        assert "ranked within each" in table.ranking.why
        assert names(table_of(tmp_path, by="-parameters")) == ["0.1-1", "0.1-2", "1.0-1", "1.0-2"]

    def test_the_elbo_compares_all_weights_of_the_kl_under_one_likelihood(self, tmp_path: Path) -> None:
        for beta in (0.1, 1.0):
            write_run(tmp_path / str(beta), {"model.beta": beta}, {**VAE, "val/kl": beta})
        assert "by=val/elbo counts the code too" in table_of(tmp_path).ranking.why
        table = table_of(tmp_path, by="elbo")
        assert names(table) == ["0.1", "1.0"] and table.starts == [0] and not table.ranking.why
        write_run(tmp_path / "other", {"likelihood.learn_scale": False})
        assert "across likelihoods: ranked within each" in table_of(tmp_path, by="elbo").ranking.why
        assert "by=val/elbo" not in table_of(tmp_path).ranking.why

    def test_unknown_metric_is_refused_with_what_is_meant(self, tmp_path: Path) -> None:
        write_run(tmp_path / "a")
        with pytest.raises(UserError, match=r"by=pnsr: no run has pnsr; did you mean psnr\?; expected a metric"):
            rank(runs_in(tmp_path), "pnsr")

    def test_a_key_without_a_value_is_no_other_task_or_data(self, tmp_path: Path) -> None:
        write_run(tmp_path / "older", {"net.hidden": [8]})
        write_run(tmp_path / "newer", {"trainer.limit_val_batches": None})
        assert table_of(tmp_path).starts == [0]


class TestInATerminal:
    def test_heads_are_short_where_that_is_clear(self) -> None:
        names = ["name", "model.latent_dim", "optimizer.lr", "recipe.lr", "val/psnr"]
        heads = short_heads([Column(name, False) for name in names])
        assert heads == ["name", "latent_dim", "optimizer.lr", "recipe.lr", "val/psnr"]

    @pytest.mark.parametrize(
        ("width", "shown"),
        [
            (99, ["name", "val/psnr", "val/loss", "seconds", "path"]),
            (55, ["val/psnr", "val/loss", "path"]),
            (10, ["val/psnr", "path"]),
        ],
    )
    def test_a_narrow_one_has_fewer_columns_but_that_of_the_ranking(self, width: int, shown: list[str]) -> None:
        names = ["name", "val/psnr", "val/loss", "seconds", "path"]
        columns = [Column(name, "/" in name) for name in names]
        found = fitting(columns, names, [["x" * 12] * 5], width, "val/psnr")
        assert [names[index] for index in found] == shown


class TestWhere:
    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            ("model=vae", "bc"),
            ("model=vae and val/psnr>18", "c"),
            ("model=ae,vae", "abc"),
            ("not model=vae or psnr>=20", "ac"),
            ("not (model=vae or psnr<1)", "a"),
            ("latent_dim!=16", "c"),
            ("model~*ae and name~[ab]", "ab"),
            ("model.beta=1", "bc"),
            ("kl<1e9", "bc"),
            ("optimizer='AdamW' and status==done", "abc"),
            ("path~*/c", "c"),
        ],
    )
    def test_filter(self, where: str, expected: str, tmp_path: Path) -> None:
        write_run(tmp_path / "a", AE, {"val/loss": 1.0, "val/nll": 1.0, "val/psnr": 15.0})
        write_run(tmp_path / "b", {}, VAE)
        write_run(tmp_path / "c", {"model.latent_dim": 2}, {**VAE, "val/psnr": 20.0})
        runs = runs_in(tmp_path)
        passes = parse_where(where, Names(runs))
        assert "".join(run.name for run in runs if passes(run)) == expected

    @pytest.mark.parametrize(
        ("where", "message"),
        [
            ("modle=vae", "no run has modle; did you mean model?"),
            ("model", "one of = == != ~ < <= > >= after model is missing"),
            ("model=", "a value after model= is missing"),
            ("(model=vae", "a bracket is not closed"),
            ("model=vae psnr>2", "psnr is not expected there"),
            ("psnr>high", "val/psnr>high: not a number"),
            ("__import__('os')", "no run has __import__"),
            ("model='vae", "'vae is not understood"),
            ("(" * 50, "more than 20 brackets"),
            ("model=" + "x" * 2000, "2,006 characters; expected at most 1,000"),
        ],
    )
    def test_bad_filter_is_one_line(self, where: str, message: str, tmp_path: Path) -> None:
        write_run(tmp_path / "a")
        with pytest.raises(UserError) as error:
            parse_where(where, Names(runs_in(tmp_path)))
        assert message in str(error.value) and "\n" not in str(error.value)
