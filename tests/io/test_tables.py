"""Tables as a terminal and as a pipe get them."""

import pytest
from rich.console import Console
from rich.text import Text

from aectl.io.tables import make_table, print_line, print_table


def print_example(title: str = "two jobs") -> None:
    table = make_table(title, ["model", "val/loss", "folder"], left=["folder"])
    table.add_row("ae", "9.5", "outputs/[a]/:smile:")
    table.add_row("vae", "12.25", "outputs/" + "x" * 300)
    print_table(table)


def test_piped_table_is_markdown_without_padding(capsys: pytest.CaptureFixture[str]) -> None:
    print_example()
    lines = capsys.readouterr().out.split("\n")
    assert lines[0] == "two jobs"
    assert [line[:25] for line in lines[1:5]] == [
        "| model | val/loss | fold",
        "|-------|----------|-----",
        "| ae    |      9.5 | outp",
        "| vae   |    12.25 | outp",
    ]
    assert "outputs/[a]/:smile: " in lines[3]
    assert lines[4].endswith("x |")
    assert lines[5:] == ["", ""]
    assert all(line == line.rstrip() for line in lines)


def test_terminal_table_fits_the_window(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)
    monkeypatch.setenv("COLUMNS", "60")
    print_example()
    out = Text.from_ansi(capsys.readouterr().out).plain
    assert out.count("x" * 20) > 1
    assert max(len(line) for line in out.splitlines()) <= 60
    assert "|" not in out


def test_long_line_of_text_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    print_line("[one] " * 100, "green")
    assert capsys.readouterr().out == "[one] " * 100 + "\n"
