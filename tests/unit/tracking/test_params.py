"""Params go by the dotted names of the command line, as text that MLflow takes."""

from emotalk.tracking.params import VALUE_LIMIT, as_params


def test_names_are_those_of_the_overrides() -> None:
    tree = {
        "seed": 3,
        "data": {"frames": 25, "balance": {"low": 1}},
        "stages": [
            {"name": "gan", "updates": [{"network": "generator", "lr": 1e-4}, {"lr": 0.5}]},
        ],
        "betas": [0.5, 0.99],
        "start_from": None,
        "resume": "auto",
        "tags": {},
    }
    assert as_params(tree) == {
        "seed": "3",
        "data.frames": "25",
        "data.balance.low": "1",
        "stages.gan.name": "gan",
        "stages.gan.updates.0.network": "generator",
        "stages.gan.updates.0.lr": "0.0001",
        "stages.gan.updates.1.lr": "0.5",
        "betas": "[0.5, 0.99]",
        "start_from": "null",
        "resume": "auto",
        "tags": "{}",
    }


def test_a_value_of_the_limit_stays_and_a_longer_one_is_cut_to_it() -> None:
    assert as_params({"a": "x" * VALUE_LIMIT})["a"] == "x" * VALUE_LIMIT
    cut = as_params({"a": "x" * (VALUE_LIMIT + 1)})["a"]
    assert len(cut) == VALUE_LIMIT
    assert cut.startswith("xxx")
    assert cut.endswith("... (see config.yaml)")
