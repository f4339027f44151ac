"""What a sweep says while it runs where nobody sees a bar."""

from nagbench.cli import progress
from nagbench.cli.progress import ProgressBar


def test_a_log_gets_a_line_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    with ProgressBar(quiet=False) as bar:
        bar.stage("counting", 2000)
        bar.advance(1200, {"converged": 1200})
    assert capsys.readouterr().err == "nagbench: counting: 1,200 of 2,000\n"


def test_who_asked_for_quiet_has_it(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    with ProgressBar(quiet=True) as bar:
        bar.stage("counting", 2000)
        bar.advance(1200, {"converged": 1200})
    assert capsys.readouterr().err == ""
