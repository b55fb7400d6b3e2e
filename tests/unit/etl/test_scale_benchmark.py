"""The benchmark of a large ETL job runs the job as it is today."""

from tests.benchmarks.bench_scale_etl import driver_mib, restart_cost


def test_a_small_job_goes_from_its_plan_to_the_manifest() -> None:
    assert driver_mib(300) >= 0


def test_going_on_reads_little_of_a_finished_clip() -> None:
    assert 0 < restart_cost(300).bytes_a_clip < 2000
