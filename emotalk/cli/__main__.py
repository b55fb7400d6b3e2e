"""Run the `emotalk` command as `python -m emotalk.cli`."""

from emotalk.cli import main

main()
