"""What a user waits for before anything happens, each in a new process."""

from __future__ import annotations

import subprocess
import sys

from .common import shown


class Start:
    """New processes."""

    version = "1"
    number = 1
    rounds = 1
    repeat = (3, 7, 3.0)
    warmup_time = 0.5

    @shown("import nagbench")
    def time_import(self):
        subprocess.run([sys.executable, "-c", "import nagbench"], check=True)

    @shown("nagbench --help")
    def time_help(self):
        subprocess.run([sys.executable, "-m", "nagbench", "--help"], check=True, stdout=subprocess.DEVNULL)

    @shown("A first run, compiled before")
    def time_first_run(self):
        """Everything loaded, the compiled code from the cache."""
        code = "import nagbench; nagbench.run('bowl', 'nesterov:step_size=0.1,momentum=0.3')"
        subprocess.run([sys.executable, "-c", code], check=True)
