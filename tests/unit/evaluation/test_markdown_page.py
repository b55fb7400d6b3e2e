"""Pages in Markdown fit 80 columns, and texts of others are never markup."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotalk.evaluation.markdown_page import escaped, markdown_page
from emotalk.evaluation.report_block import Bullets, Content, Paragraph, Picture, Section, Table

HOSTILE = "<script>alert(1)</script> | `x` **y** [a](http://b) \x1b[31m"


def page(*parts: Content, pictures: tuple[str, ...] = ()) -> str:
    return markdown_page("T", [Section("S", parts)], pictures)


def test_a_narrow_table_is_a_table_with_aligned_columns() -> None:
    table = Table(("figure", "value"), [("long name", "1.0"), ("b", "12.0")])
    assert page(table) == (
        "# T\n\n## S\n\n"
        "| figure    | value |\n|-----------|------:|\n"
        "| long name |   1.0 |\n| b         |  12.0 |\n"
    )


def test_a_wide_table_is_a_list_of_its_rows_without_empty_cells() -> None:
    table = Table(("figure", "first " * 8, "second " * 8), [("a", "1", "2"), ("b", "", "4")])
    lines = page(table).splitlines()
    assert lines[4] == "- **a**"
    assert lines[5].startswith("  - first first")
    assert lines[5].endswith(": 1")
    row_b = "\n".join(lines[lines.index("- **b**") :])
    assert row_b.count("- ") == 2
    assert "first" not in row_b
    assert row_b.endswith(": 4")


def test_notes_stand_beside_the_names_of_rows() -> None:
    table = Table(("figure", "value"), [("a", "1")], notes=("What a says.",))
    assert "- **a**: What a says.\n  - value: 1" in page(table)


def test_pictures_that_were_not_drawn_are_left_out_with_their_heading() -> None:
    picture = Picture("p.png", "what it shows")
    assert page(picture) == "# T\n"
    assert page(picture, pictures=("p.png",)) == "# T\n\n## S\n\n![what it shows](p.png)\n"


@pytest.mark.parametrize(
    "part",
    [Paragraph(HOSTILE), Paragraph(HOSTILE, is_warning=True), Bullets([HOSTILE]),
     Table(("a", "b"), [(HOSTILE[:20], HOSTILE[:20])]), Table(("a", "b"), [(HOSTILE, HOSTILE)])],
)  # fmt: skip
def test_texts_hold_no_markup(part: Content) -> None:
    shown = page(part)
    for markup in ("<script>", "\x1b", "](http"):
        assert markup not in shown.replace("\\<", "").replace("]\\(", "")
    for line in shown.splitlines():
        if line.startswith("| "):
            assert line.replace("\\|", "").count("|") == 3


@pytest.mark.parametrize("start", ["- x", "# x", "12. x", "> x", "+ x", "---"])
def test_no_line_begins_a_list_or_a_heading_by_accident(start: str) -> None:
    text = "word " * 15 + start + " and more"
    for line in page(Paragraph(text), Paragraph(start)).splitlines()[4:]:
        assert not line.startswith(("- ", "# ", "12. ", "> ", "+ ", "---"))


def test_the_words_of_a_picture_are_wrapped() -> None:
    words = "Mouth correlation and amplitude at falling signal-to-noise ratios, with intervals"
    shown = page(Picture("noise_curve.png", words), pictures=("noise_curve.png",))
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert f"![{words}](noise_curve.png)" in " ".join(shown.split())


@given(st.text(max_size=300))
def test_any_text_fits_80_columns(text: str) -> None:
    shown = page(Paragraph(text), Bullets([text]), Table(("a", "b"), [(text, text)]))
    assert all(len(line) <= 80 for line in shown.splitlines())


@given(st.text(max_size=100))
def test_escaped_text_is_one_line(text: str) -> None:
    assert len(escaped(text).splitlines()) <= 1
