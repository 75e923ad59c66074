"""Tables as commands print them."""

from __future__ import annotations

from rich.cells import cell_len

from service.cli.tables import cell, print_lines

HEADINGS = ("Contact", "Owner", "State")


def printed(capsys, *rows: tuple[str, ...]) -> list[str]:
    """The lines of a table with these rows, without its heading."""
    print_lines(HEADINGS, [[cell(text) for text in row] for row in rows])
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == list(HEADINGS)
    return lines


def test_columns_are_as_wide_as_what_stands_in_them(capsys):
    """Texts stand under each other, those of two columns each too, and no line ends with space."""
    assert printed(capsys, ("c-1", "ann", "open"), ("\u5c71\u7530-1", "-", "unassigned"), ("c-2", "bob", "")) == [
        "c-1      ann    open",
        "\u5c71\u7530-1   -      unassigned",
        "c-2      bob",
    ]


def test_a_long_text_makes_no_other_line_wide(capsys):
    """One id of 128 characters moves what stands behind it, and all other lines stay as they are without it."""
    short = [(f"c-{number}", "ann", "open") for number in range(3)]
    alone = printed(capsys, *short)
    assert printed(capsys, *short, ("x" * 128, "ann", "closed")) == [*alone, f"{'x' * 128}  ann  closed"]


def test_what_fits_a_terminal_stays_within_it(capsys):
    """Every row whose own texts fit 80 columns is printed within them, whatever other rows hold."""
    rows = [
        ("c" * first, "o" * second, "unassigned")
        for first in range(1, 129, 7)
        for second in (1, 5, 20, 30, 45, 66, 100)
    ]
    for row, line in zip(rows, printed(capsys, *rows), strict=True):
        assert line.split() == list(row)
        assert cell_len(line) <= 80 or cell_len("  ".join(row)) > 80


def test_what_would_turn_a_line_is_escaped(capsys):
    """An id that has marks which override directions is shown with them escaped."""
    assert printed(capsys, ("a\u202eb\u2066", "ann", "open")) == ["a\\u202eb\\u2066  ann    open"]
