"""What a sweep says while it runs where nobody sees a bar."""

import pytest

from nagbench.cli import progress
from nagbench.cli.progress import ProgressBar


@pytest.mark.parametrize(("quiet", "said"), [(False, "nagbench: counting: 1,200 of 2,000\n"), (True, "")])
def test_a_log_gets_a_line_now_and_then_unless_quiet_was_asked_for(monkeypatch, capsys, quiet, said):
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    with ProgressBar(quiet=quiet) as bar:
        bar.stage("counting", 2000)
        bar.advance(1200, {"converged": 1200})
    assert capsys.readouterr().err == said
