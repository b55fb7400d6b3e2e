"""Keyed draws: the same key gives the same draw, any other key another one."""

from emotalk.seeding import draw_seed, numpy_generator


def test_a_draw_is_a_function_of_its_key_alone() -> None:
    assert draw_seed(1, "window", 3, "1001_IEO_ANG_HI") == draw_seed(
        1, "window", 3, "1001_IEO_ANG_HI"
    )


def test_every_part_of_the_key_matters_and_text_is_not_a_number() -> None:
    keys: list[tuple[int, *tuple[str | int, ...]]] = [
        (1, "a", 1),
        (2, "a", 1),
        (1, "b", 1),
        (1, "a", 2),
        (1, "a", "1"),
        (1, "a1"),
    ]
    assert len({draw_seed(*key) for key in keys}) == len(keys)


def test_seeds_fit_a_signed_64_bit_integer() -> None:
    assert all(0 <= draw_seed(0, n) < 2**63 for n in range(200))


def test_generators_of_one_key_draw_the_same_numbers() -> None:
    first = numpy_generator(5, "noise", 2).standard_normal(4)
    assert (first == numpy_generator(5, "noise", 2).standard_normal(4)).all()
