"""``python -m benchmarks.gate BASE``."""

from benchmarks.gate.command import main

main(prog_name="python -m benchmarks.gate")
