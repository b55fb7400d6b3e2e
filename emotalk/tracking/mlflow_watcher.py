"""Mark the MLflow run of a killed training as failed: `python -P mlflow_watcher.py PID`.

PID is the training's; MLFLOW_TRACKING_URI is the server. The training writes to standard input: the
ids of its run and of its start when they are known, and `ENDED`.
"""

import os
import select
import signal
import sys

ENDED = b"ended\n"
START_TAG = "emotalk.start"  # of the last start of a run; the next one is left alone
POLL_S = 1.0
LONGEST_S = 60  # at the server


def last_line(commands: int, training: int) -> bytes:
    """Return the last line that the process `training` wrote before its end."""
    told = b""
    while not told.endswith(ENDED):
        # A forked loader worker may keep the pipe open, so the parent is looked at too.
        killed = os.getppid() != training
        if select.select([commands], [], [], 0 if killed else POLL_S)[0]:
            line = os.read(commands, 4096)
            if not line:
                break
            told = line
        elif killed:
            break
    return told.splitlines(keepends=True)[-1] if told else told


def main() -> None:
    """Wait for the end of the training; close its run as failed if it still stands as running."""
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # meant for the training, which ends this process
    told = last_line(0, int(sys.argv[1]))
    if told in (b"", ENDED):
        return
    run_id, start = told.decode().split()
    signal.alarm(LONGEST_S)
    try:
        from mlflow import MlflowClient  # noqa: PLC0415  large, and mostly not needed

        run = MlflowClient().get_run(run_id)
        if run.info.status == "RUNNING" and run.data.tags.get(START_TAG) == start:
            MlflowClient().set_terminated(run_id, "FAILED")
    except Exception as error:  # noqa: BLE001  whose text may hold the server's password
        sys.stderr.write(f"MLflow shows a killed run as running: {type(error).__name__}\n")


if __name__ == "__main__":
    main()
