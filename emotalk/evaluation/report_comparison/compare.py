"""Compare two reports and write the result (`emotalk evaluate --compare A B`)."""

from datetime import UTC, datetime

from emotalk.config.compare import CompareConfig
from emotalk.evaluation.output import claimed_output
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_comparison.differences import paired_differences
from emotalk.evaluation.report_comparison.page import write_comparison
from emotalk.evaluation.report_comparison.result import FORMAT, JSON, ReportComparison
from emotalk.evaluation.report_comparison.same_measure import (
    actor_of,
    refuse_other_measures,
    shared_clips,
)
from emotalk.evaluation.report_file import read_report, report_sha256


def compare_reports(config: CompareConfig) -> ReportComparison:
    """Return the paired differences of two reports, after writing them to `config.output`.

    Raises:
        WrongUse: a report that cannot be read, two that do not measure alike or share no clip, or
            an output that holds something else.
    """
    reports = read_report(config.a), read_report(config.b)
    inputs = {
        "a_sha256": report_sha256(reports[0]),
        "b_sha256": report_sha256(reports[1]),
        "seed": config.seed,
    }
    comparison = compare_figures(*reports, seed=config.seed).model_copy(
        update={
            "inputs": inputs,
            "where": {
                "a": str(config.a),
                "b": str(config.b),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        }
    )
    with claimed_output(config.output, inputs, name=JSON, kind=FORMAT):
        write_comparison(config.output, comparison)
    return comparison


def compare_figures(a: Report, b: Report, *, seed: int) -> ReportComparison:
    """Return the paired differences of two reports over the clips that both have.

    Raises:
        WrongUse: they do not measure alike, or share no clip.
    """
    refuse_other_measures(a, b)
    keys = shared_clips(a, b)
    return ReportComparison(
        clips=len(keys),
        actors=tuple(sorted({actor_of(a, key) for key in keys})),
        only_in_a=tuple(sorted(a.per_clip.keys() - b.per_clip.keys())),
        only_in_b=tuple(sorted(b.per_clip.keys() - a.per_clip.keys())),
        differences=paired_differences(a, b, keys, seed=seed),
    )
