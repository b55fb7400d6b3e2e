"""Every panel stands at its place, whole, above its own label."""

import numpy as np
import pytest

from emotalk.inference.panels import PanelGrid
from emotalk.schema import EMOTIONS, EMOTIONS_MEAD8, Bytes


def panels(count: int, *, height: int = 128, width: int = 128) -> list[Bytes]:
    shades = range(100, 100 + count)
    return [np.full((3, height, width, 3), shade, np.uint8) for shade in shades]


@pytest.mark.parametrize(
    ("labels", "height", "width", "columns", "size"),
    [
        (EMOTIONS, 128, 128, 3, (2 * (128 + 20), 3 * 128)),
        (EMOTIONS_MEAD8, 128, 128, 4, (2 * (128 + 20), 4 * 128)),
        (EMOTIONS, 400, 300, 3, (2 * (400 + 50), 3 * 300)),
        (("neutral", "anger"), 128, 128, 3, (128 + 20, 2 * 128)),
    ],
)
def test_panels_stand_in_rows_from_the_left(
    labels: tuple[str, ...], height: int, width: int, columns: int, size: tuple[int, int]
) -> None:
    grid = PanelGrid(labels, height=height, width=width)
    given = panels(len(labels), height=height, width=width)
    frames = grid.compose(given)
    assert frames.shape == (3, *size, 3)
    assert size[0] % 2 == size[1] % 2 == 0
    row_height = size[0] // -(-len(labels) // columns)
    for index, panel in enumerate(given):
        top, left = index // columns * row_height, index % columns * width
        np.testing.assert_array_equal(frames[:, top : top + height, left : left + width], panel)


def test_each_panel_has_a_label_of_its_own_below_it() -> None:
    frame = PanelGrid(EMOTIONS, height=128, width=128).compose(panels(6))[0]
    labels = [
        frame[row + 128 : row + 148, left : left + 128]
        for row in (0, 148)
        for left in (0, 128, 256)
    ]
    for index, label in enumerate(labels):
        columns = np.flatnonzero((label > 128).any((0, 2)))
        assert columns.size > 10
        assert abs((columns[0] + columns[-1]) / 2 - 64) < 3  # in the middle
        assert all((label != other).any() for other in labels[:index])


def test_a_panel_of_another_size_is_refused() -> None:
    grid = PanelGrid(EMOTIONS, height=128, width=128)
    with pytest.raises(ValueError, match="panel"):
        grid.compose([*panels(5), *panels(1, height=64)])
